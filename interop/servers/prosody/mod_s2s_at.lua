-- Finds other servers without the DNS: s2s_at = { ["remote.example"] = { "127.0.0.1", 5270 } }
module:set_global();

local basic = require "net.resolvers.basic";
local service = require "net.resolvers.service";
local at = module:get_option("s2s_at", {});
local look_up = service.new;

local nowhere = { next = function (_, found) found(nil); end };

function service.new(hostname, name, ...)
	local place = at[hostname];
	if place == nil then
		return look_up(hostname, name, ...);
	elseif name == "xmpp-server" then
		return basic.new(place[1], place[2], ...);
	end
	return nowhere; -- no direct TLS
end

function module.unload()
	service.new = look_up;
end
