-- Prosody 0.12, on loopback only. The placeholders $$name are replaced when the server is started.
run_as_root = true -- a container may have no other user; only this machine can connect
pidfile = "$directory/prosody.pid"
data_path = "$directory/data"
plugin_paths = {}
certificates = "$directory"
ssl = { certificate = "$directory/server.pem"; key = "$directory/server.pem" }
log = { warn = "$directory/prosody.log" }

interfaces = { "127.0.0.1" }
c2s_ports = { $c2s_port }
c2s_direct_tls_ports = {}
component_interfaces = { "127.0.0.1" }
component_ports = { $component_port }

-- Each scenario creates and removes accounts, over connections that do not leave the machine.
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
allow_registration = true
storage = "internal"

modules_enabled = {
	"blocklist";
	"carbons";
	"disco";
	"lastactivity";
	"offline";
	"ping";
	"register";
	"roster";
	"saslauth";
	"smacks";
	"tls";
}
modules_disabled = { "s2s"; "bosh"; "http" }

network_settings = { nagle = false }

-- A run is thousands of short connections. This changes nothing of what Prosody says: it collects garbage when its memory
-- has grown tenfold, not by a twentieth, and keeps a connection on which nobody has logged in for one minute, not for five.
gc = { mode = "incremental"; threshold = 1000 }
c2s_timeout = 60

VirtualHost "capulet.example"
VirtualHost "montague.example"

Component "remote.example"
	component_secret = "$secret"
	-- The scenario decides what the remote domain answers, so no module may answer for it.
	modules_disabled = { "disco"; "ping"; "lastactivity" }
