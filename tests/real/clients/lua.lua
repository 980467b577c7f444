-- LuaSocket's SMTP, as routers and game servers use it.
local smtp = require("socket.smtp")
local ltn12 = require("ltn12")

local user = os.getenv("MAIL_USER")
-- It ends a message with a line end of its own.
local message = io.open("message", "rb"):read("a"):gsub("\r\n$", "")
local sent, why = smtp.send {
    server = os.getenv("HOST"), port = tonumber(os.getenv("PORT")), user = user, password = os.getenv("MAIL_PASSWORD"),
    from = "<" .. user .. ">", rcpt = { "<" .. user .. ">" },
    source = ltn12.source.string(message),
}
assert(sent, why)
print("did send")
io.stdout:flush()
io.read()
