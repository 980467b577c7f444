-- imapfilter: sorts mail on the server; its configuration is a program.
options.starttls = os.getenv("TLS") == "starttls"
options.timeout = 60
options.create = true

local account = IMAP {
    server = os.getenv("HOST"), port = tonumber(os.getenv("PORT")),
    username = os.getenv("MAIL_USER"), password = os.getenv("MAIL_PASSWORD"),
    ssl = os.getenv("TLS") == "implicit" and "auto" or nil,
}
local marker, trash = os.getenv("MARKER"), os.getenv("TRASH")

local function did(...)
    print(table.concat({"did", ...}, " "))
    io.stdout:flush()
    io.read()
end

local function write(name, text)
    local file = io.open(name, "wb")
    file:write(text)
    file:close()
end

local mailboxes = account:list_all()
write("list", table.concat(mailboxes, "\n"))
did("list")
local found = account.INBOX:contain_subject(marker .. "-waiting")
did("search", tostring(#found), tostring(#account.INBOX:contain_subject("something else")))
for _, message in ipairs(found) do
    local mailbox, uid = table.unpack(message)
    write("fetched", mailbox[uid]:fetch_message())
end
did("fetch")
account:create_mailbox("Work")
did("create")
local file = io.open("message", "rb")
account.Work:append_message(file:read("*a"))
file:close()
did("append")
found:mark_flagged()
did("flag")
found:move_messages(account[trash])
did("move")
account[trash]:select_all():delete_messages()
did("delete")
