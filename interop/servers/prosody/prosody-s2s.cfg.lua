-- Prosody 0.12, on loopback only, where remote.example is another server. The placeholders $$name are replaced when the server is started.
run_as_root = true -- a container may have no other user; only this machine can connect
pidfile = "$directory/prosody.pid"
data_path = "$directory/data"
plugin_paths = { "$directory" } -- mod_s2s_at
certificates = "$directory"
ssl = { certificate = "$directory/server.pem"; key = "$directory/server.pem"; cafile = "$directory/authority.pem" }
log = { warn = "$directory/prosody.log" }

interfaces = { "127.0.0.1" }
c2s_ports = { $c2s_port }
c2s_direct_tls_ports = {}
s2s_ports = { $s2s_port }
s2s_direct_tls_ports = {}

-- The scenario listens as remote.example, which no DNS knows.
s2s_at = { ["remote.example"] = { "127.0.0.1", $remote_port } }
s2s_require_encryption = false
s2s_secure_auth = false -- without a certificate, dialback will do

-- Each scenario creates and removes accounts, over connections that do not leave the machine.
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
allow_registration = true
storage = "internal"

modules_enabled = {
	"blocklist";
	"carbons";
	"dialback";
	"disco";
	"lastactivity";
	"offline";
	"ping";
	"register";
	"roster";
	"s2s_at";
	"saslauth";
	"smacks";
	"tls";
}
modules_disabled = { "bosh"; "http" }

network_settings = { nagle = false }

-- A run is thousands of short connections. This changes nothing of what Prosody says: it collects garbage when its memory
-- has grown tenfold, not by a twentieth, and keeps a connection on which nobody has logged in for one minute, not for five.
gc = { mode = "incremental"; threshold = 1000 }
c2s_timeout = 60

VirtualHost "capulet.example"
VirtualHost "montague.example"

