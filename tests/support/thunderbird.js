// What Thunderbird is made to do, by its own interfaces; tests/support/thunderbird.py calls a step by its name.
// Folders go by name, messages by subject. A step ends when Thunderbird says so; where it says nothing, the caller looks at the server.

const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");

const account = () => MailServices.accounts.defaultAccount;
const server = () => account().incomingServer;
const text = status => `0x${status.toString(16)}`;

/** Hands a listener of that interface to `start`; resolves when its method `ended` is told of success. `others` are more methods. */
const finished = (face, ended, start, others = {}) =>
  new Promise((resolve, reject) => {
    const methods = {
      ...others,
      QueryInterface: ChromeUtils.generateQI([face]),
      [ended]: (...told) => {
        const status = told.find(one => typeof one == "number") ?? 0;
        Components.isSuccessCode(status) ? resolve() : reject(new Error(`${ended}: ${text(status)}`));
      },
    };
    start(new Proxy(methods, { get: (own, name) => own[name] ?? (() => {}) }));
  });
const byUrl = start => finished("nsIUrlListener", "OnStopRunningUrl", start);
const byCopy = start => finished("nsIMsgCopyServiceListener", "onStopCopy", start);

const folder = name => {
  const found = server().rootFolder.descendants.find(one => one.name == name);
  if (!found) throw new Error(`no folder ${name}`);
  return found;
};
const header = (name, subject) => {
  const found = [...folder(name).messages].find(one => one.mime2DecodedSubject == subject);
  if (!found) throw new Error(`no message ${subject} in ${name}`);
  return found;
};
const compose = async (mode, to, subject, body) => {
  const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
  const identity = account().defaultIdentity;
  Object.assign(fields, { from: identity.email, to, subject });
  const send = Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend);
  const kind = Ci.nsIMsgCompType.New;
  await send.createAndSendMessage(
    null, identity, account().key, fields, false, false, mode, null, "text/plain", body, null, null, null, "", "", kind
  );
};

const steps = {
  /** Takes a certificate authority in PEM. */
  trust(authority) {
    const inner = authority.split("\n").filter(line => !line.startsWith("-----")).join("");
    Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(inner, "CT,,");
  },

  open(url, address, password) {
    const incoming = MailServices.accounts.createIncomingServer(address, new URL(url).hostname, "ews");
    incoming.setStringValue("ews_url", url);
    const outgoing = MailServices.outgoingServer.createServer("ews");
    outgoing.QueryInterface(Ci.IExchangeOutgoingServer).initialize(url);
    outgoing.username = address;
    for (const one of [incoming, outgoing]) {
      one.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
      one.password = password;
    }
    incoming.valid = true;
    MailServices.outgoingServer.defaultServer = outgoing;
    const identity = MailServices.accounts.createIdentity();
    Object.assign(identity, { email: address, smtpServerKey: outgoing.key, valid: true });
    const made = MailServices.accounts.createAccount();
    made.addIdentity(identity);
    made.incomingServer = incoming;
    MailServices.accounts.defaultAccount = made;
  },

  setPassword(password) {
    server().password = password;
  },

  async signIn() {
    await byUrl(told => server().verifyLogon(told, null));
  },

  async look() {
    await byUrl(told => server().getNewMessages(server().rootFolder, null, told));
  },

  /** Folder -> its subjects, in the order of arrival. */
  listed() {
    return Object.fromEntries(
      server().rootFolder.descendants.map(one => [one.name, [...one.messages].map(found => found.mime2DecodedSubject)])
    );
  },

  /** What the folder is for, in Thunderbird's eyes: name -> purpose. */
  purposes() {
    const known = ["Inbox", "Drafts", "SentMail", "Trash", "Junk", "Queue"];
    return Object.fromEntries(
      server().rootFolder.descendants.map(one => [one.name, known.find(kind => one.flags & Ci.nsMsgFolderFlags[kind]) ?? ""])
    );
  },

  /** The parent's name. */
  parent(name) {
    return folder(name).parent.name;
  },

  described(name, subject) {
    const found = header(name, subject);
    return { author: found.mime2DecodedAuthor, read: found.isRead, flagged: found.isFlagged, id: found.messageId };
  },

  /** The message's octets, one character each. */
  async body(name, subject) {
    const uri = folder(name).getUriForMsg(header(name, subject));
    let octets = "";
    const onDataAvailable = (request, stream, offset, count) => {
      const input = Cc["@mozilla.org/binaryinputstream;1"].createInstance(Ci.nsIBinaryInputStream);
      input.setInputStream(stream);
      octets += input.readBytes(count);
    };
    const service = MailServices.messageServiceFromURI(uri);
    const start = told => service.streamMessage(uri, told, null, null, false, "", false);
    await finished("nsIStreamListener", "onStopRequest", start, { onDataAvailable });
    return octets;
  },

  markRead(name, subject, read) {
    folder(name).markMessagesRead([header(name, subject)], read);
  },

  markAllRead(name) {
    folder(name).markAllMessagesRead(null);
  },

  flag(name, subject, flagged) {
    folder(name).markMessagesFlagged([header(name, subject)], flagged);
  },

  async transfer(name, subject, to, moved) {
    await byCopy(told => MailServices.copy.copyMessages(folder(name), [header(name, subject)], folder(to), moved, told, null, false));
  },

  async remove(name, subject, forGood) {
    await byCopy(told => folder(name).deleteMessages([header(name, subject)], null, forGood, false, told, false));
  },

  makeFolder(name, parent) {
    (parent ? folder(parent) : server().rootFolder).createSubfolder(name, null);
  },

  renameFolder(name, to) {
    folder(name).rename(to, null);
  },

  async transferFolder(name, to, moved) {
    await byCopy(told => MailServices.copy.copyFolder(folder(name), folder(to), moved, told, null));
  },

  removeFolder(name) {
    folder(name).deleteSelf(null);
  },

  emptyTrash(name) {
    folder(name).emptyTrash(null);
  },

  async send(to, subject, body) {
    await compose(Ci.nsIMsgSend.nsMsgDeliverNow, to, subject, body);
  },

  async saveDraft(to, subject, body) {
    await compose(Ci.nsIMsgSend.nsMsgSaveAsDraft, to, subject, body);
  },
};

return await steps[given[0]](...given.slice(1));
