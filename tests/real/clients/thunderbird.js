// What Thunderbird is asked to do, in terms of its own services: one function a step, each done when its promise resolves.
//
// It exists so that thunderbird.py holds no JavaScript. Every function looks its folder up anew, as each call runs in a scope of
// its own. It refuses to wait by the clock alone: what has no listener is looked at until it is so.

const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");

const PLAIN = Ci.nsMsgSocketType.plain;
const PASSWORD = Ci.nsMsgAuthMethod.passwordCleartext;

async function until(what, probe, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

/** A promise and the listener that keeps it, for whatever Thunderbird wants to report to. */
function listening() {
  let settle;
  const end = new Promise((resolve, reject) => {
    settle = (status, value) => (Components.isSuccessCode(status) ? resolve(value) : reject(new Error(`status 0x${status.toString(16)}`)));
  });
  const listener = {
    QueryInterface: ChromeUtils.generateQI(["nsIUrlListener", "nsIMsgCopyServiceListener", "nsIMsgSendListener"]),
    OnStartRunningUrl() {},
    OnStopRunningUrl: (url, status) => settle(status),
    onStartCopy() {},
    onProgress() {},
    setMessageKey() {},
    getMessageId: () => null,
    onStopCopy: (status) => settle(status),
    onStartSending() {},
    onSendProgress() {},
    onStatus() {},
    onGetDraftFolderURI() {},
    onSendNotPerformed: (id, status) => settle(status || Cr.NS_ERROR_ABORT),
    onTransportSecurityError() {},
    onStopSending: (id, status) => settle(status, id),
  };
  return { end, listener };
}

const serverOf = (type) => MailServices.accounts.allServers.find((server) => server.type === type);
const imapFolder = (name) => (name === "INBOX"
  ? serverOf("imap").rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox)
  : serverOf("imap").rootFolder.getChildNamed(name));
const headers = (folder) => [...folder.messages];
const header = (folder, word) => headers(folder).find((one) => one.mime2DecodedSubject.includes(word));

async function makeAccounts({ address, smtp, imap, pop3, user, password }) {
  const login = async (origin) => {
    const info = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
    info.init(origin, null, origin, user, password, "", "");
    await Services.logins.addLoginAsync(info);
  };
  await login(`smtp://${address}`);
  await login(`imap://${address}`);
  await login(`mailbox://${address}`);

  const outgoing = MailServices.outgoingServer.createServer("smtp");
  const details = outgoing.QueryInterface(Ci.nsISmtpServer);
  details.hostname = address;
  details.port = smtp;
  outgoing.username = user;
  outgoing.authMethod = PASSWORD;
  outgoing.socketType = PLAIN;

  for (const [type, port] of [["imap", imap], ["pop3", pop3]]) {
    const server = MailServices.accounts.createIncomingServer(user, address, type);
    server.port = port;
    server.socketType = PLAIN;
    server.authMethod = PASSWORD;
    server.doBiff = false; // mail must come by IDLE, not by looking every few minutes
    server.loginAtStartUp = false;
    const identity = MailServices.accounts.createIdentity();
    identity.email = user;
    identity.fullName = "Jürgen Möller-Wölfli";
    identity.smtpServerKey = outgoing.key;
    identity.composeHtml = false;
    const account = MailServices.accounts.createAccount();
    account.addIdentity(identity);
    account.incomingServer = server;
    if (type === "imap") {
      MailServices.accounts.defaultAccount = account;
      identity.fccFolderURI = `${server.serverURI}/Sent`;
    }
  }
}

/** The names of the mailboxes that the IMAP server lists. */
async function folders() {
  const { end, listener } = listening();
  const root = serverOf("imap").rootFolder;
  MailServices.imap.discoverAllFolders(root, listener, null);
  await end;
  return root.subFolders.map((folder) => folder.name);
}

/** Thunderbird's own composer makes the message: headers, text and attachment. */
async function send(recipient, subject, body, file) {
  const account = MailServices.accounts.defaultAccount;
  const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
  fields.from = `"Jürgen Möller-Wölfli" <${account.defaultIdentity.email}>`;
  fields.to = recipient;
  fields.subject = subject;
  const attachment = Cc["@mozilla.org/messengercompose/attachment;1"].createInstance(Ci.nsIMsgAttachment);
  attachment.url = Services.io.newFileURI(await IOUtils.getFile(file)).spec;
  attachment.name = "Übersicht 図.bin";
  attachment.contentType = "application/octet-stream";
  fields.addAttachment(attachment);
  const { end, listener } = listening();
  Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend).createAndSendMessage(
    null, account.defaultIdentity, account.key, fields, false, false, Ci.nsIMsgSend.nsMsgDeliverNow, null,
    "text/plain", body, null, null, listener, null, "", Ci.nsIMsgCompType.New,
  );
  return end;
}

async function createFolder(name) {
  serverOf("imap").rootFolder.createSubfolder(name, null);
  await until(`the mailbox ${name}`, () => serverOf("imap").rootFolder.containsChildNamed(name));
}

/** Opens a mailbox and waits until so many messages are known to be in it; returns their subjects. */
async function refresh(name, count) {
  imapFolder(name).updateFolder(null);
  await until(`${count} messages in ${name}`, () => headers(imapFolder(name)).length === count);
  return headers(imapFolder(name)).map((one) => one.mime2DecodedSubject);
}

/** The whole message as it came from the server, one character a byte. */
async function fetchMessage(name, word) {
  const folder = imapFolder(name);
  const uri = folder.getUriForMsg(header(folder, word));
  const chunks = [];
  return new Promise((resolve, reject) => {
    MailServices.messageServiceFromURI(uri).streamMessage(uri, {
      QueryInterface: ChromeUtils.generateQI(["nsIStreamListener", "nsIRequestObserver"]),
      onStartRequest() {},
      onDataAvailable(request, stream, offset, count) {
        const bytes = Cc["@mozilla.org/binaryinputstream;1"].createInstance(Ci.nsIBinaryInputStream);
        bytes.setInputStream(stream);
        chunks.push(bytes.readBytes(count));
      },
      onStopRequest: (request, status) => (Components.isSuccessCode(status)
        ? resolve(chunks.join("")) : reject(new Error(`status 0x${status.toString(16)}`))),
    }, null, null, false, "", false);
  });
}

/** Searches on the server, not in what is known here; returns the subjects found. */
async function search(name, word) {
  const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
  session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, imapFolder(name));
  const term = session.createTerm();
  term.attrib = Ci.nsMsgSearchAttrib.Subject;
  term.op = Ci.nsMsgSearchOp.Contains;
  const value = term.value;
  value.attrib = term.attrib;
  value.str = word;
  term.value = value;
  session.appendTerm(term);
  const found = [];
  return new Promise((resolve) => {
    session.registerListener({
      QueryInterface: ChromeUtils.generateQI(["nsIMsgSearchNotify"]),
      onNewSearch() {},
      onSearchHit: (one) => found.push(one.mime2DecodedSubject),
      onSearchDone: () => resolve(found),
    });
    session.search(null);
  });
}

async function star(name, word) {
  const folder = imapFolder(name);
  folder.markMessagesFlagged([header(folder, word)], true);
}

async function move(from, to, word) {
  const { end, listener } = listening();
  const folder = imapFolder(from);
  MailServices.copy.copyMessages(folder, [header(folder, word)], imapFolder(to), true, listener, null, false);
  return end;
}

async function remove(name, word) {
  const folder = imapFolder(name);
  const deleted = listening();
  folder.deleteMessages([header(folder, word)], null, true, false, deleted.listener, false);
  await deleted.end;
  const expunged = listening();
  folder.QueryInterface(Ci.nsIMsgImapMailFolder).expunge(expunged.listener, null);
  return expunged.end;
}

/** Waits until the server has told about a message by itself. */
async function waitFor(name, word) {
  await until(`word of ${word} in ${name}`, () => header(imapFolder(name), word));
}

/** Takes the mail out of the POP3 mailbox; returns the subjects of what is there now. */
async function fetchPop3() {
  const server = serverOf("pop3").QueryInterface(Ci.nsIPop3IncomingServer);
  server.leaveMessagesOnServer = false;
  const inbox = server.QueryInterface(Ci.nsIMsgIncomingServer).rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
  const { end, listener } = listening();
  MailServices.pop3.GetNewMail(null, listener, inbox, server);
  await end;
  return headers(inbox).map((one) => one.mime2DecodedSubject);
}
