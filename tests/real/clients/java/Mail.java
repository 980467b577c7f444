import com.sun.mail.imap.*;
import com.sun.mail.pop3.POP3Folder;
import java.io.*;
import java.util.*;
import javax.mail.*;
import javax.mail.event.*;
import javax.mail.internet.MimeMessage;
import javax.mail.search.SubjectTerm;

/** JavaMail, as Jenkins, Jira and most servers in Java use it. */
public final class Mail {
    public static void main(String[] arguments) throws Exception {
        String protocol = arguments[0];
        String scheme = Given.TLS.equals("implicit") ? protocol + "s" : protocol;
        String prefix = "mail." + scheme + ".";
        Properties settings = new Properties();
        settings.put(prefix + "auth", "true");
        if (!Given.LOGIN.equals("user")) settings.put(prefix + "auth.mechanisms", Given.LOGIN.toUpperCase());
        settings.put(prefix + "starttls.enable", String.valueOf(Given.TLS.equals("starttls")));
        settings.put(prefix + "starttls.required", String.valueOf(Given.TLS.equals("starttls")));
        settings.put(prefix + "ssl.socketFactory", Given.trust().getSocketFactory());
        settings.put(prefix + "ssl.checkserveridentity", "true");
        Session session = Session.getInstance(settings);
        if (protocol.equals("smtp")) {
            MimeMessage message = new MimeMessage(session, new FileInputStream("message"));
            Transport transport = session.getTransport(scheme);
            transport.connect(Given.HOST, Given.PORT, Given.USER, Given.PASSWORD);
            transport.sendMessage(message, message.getAllRecipients());
            transport.close();
            Given.did("send");
            return;
        }
        Store store = session.getStore(scheme);
        store.connect(Given.HOST, Given.PORT, Given.USER, Given.PASSWORD);
        if (protocol.equals("imap")) imap(store, session); else pop3(store);
    }

    private static byte[] whole(Message message) throws Exception {
        var out = new ByteArrayOutputStream();
        message.writeTo(out);
        return out.toByteArray();
    }

    private static Folder open(Store store, String name) throws Exception {
        Folder folder = store.getFolder(name);
        folder.open(Folder.READ_WRITE);
        return folder;
    }

    private static void imap(Store store, Session session) throws Exception {
        var names = new StringBuilder();
        for (Folder folder : store.getDefaultFolder().list("*")) names.append(folder.getFullName()).append('\n');
        Given.write("list", names.toString().getBytes());
        Given.did("list");
        IMAPFolder inbox = (IMAPFolder) open(store, "INBOX");
        Message[] found = inbox.search(new SubjectTerm(Given.MARKER + "-waiting"));
        Given.did("search", found.length, inbox.search(new SubjectTerm("something else")).length);
        ((IMAPMessage) found[0]).setPeek(true);
        Given.write("fetched", whole(found[0]));
        Given.did("fetch");
        Folder work = store.getFolder("Work");
        if (!work.create(Folder.HOLDS_MESSAGES)) throw new IllegalStateException("not created");
        Given.did("create");
        work.appendMessages(new Message[] {new MimeMessage(session, new FileInputStream("message"))});
        Given.did("append");
        found[0].setFlag(Flags.Flag.FLAGGED, true);
        Given.did("flag");
        Folder trash = store.getFolder(System.getenv("TRASH"));
        inbox.moveMessages(found, trash);
        Given.did("move");
        trash.open(Folder.READ_WRITE);
        trash.getMessage(1).setFlag(Flags.Flag.DELETED, true);
        trash.close(true);
        Given.did("delete");
        var woken = new java.util.concurrent.CountDownLatch(1);
        inbox.addMessageCountListener(new MessageCountAdapter() {
            @Override public void messagesAdded(MessageCountEvent event) {
                woken.countDown();
            }
        });
        Thread idling = new Thread(() -> {
            try {
                inbox.idle(true);
            } catch (MessagingException ended) {
                System.err.println(ended);
            }
        });
        idling.start();
        Given.did("idle"); // whatever comes before it idles comes with the answer to IDLE
        woken.await();
        Given.did("wake");
        idling.join();
        store.close();
    }

    private static void pop3(Store store) throws Exception {
        POP3Folder inbox = (POP3Folder) open(store, "INBOX");
        Given.did("stat", inbox.getMessageCount());
        Given.did("uidl", inbox.getUID(inbox.getMessage(1)), inbox.getUID(inbox.getMessage(2)));
        var top = new ByteArrayOutputStream();
        for (Enumeration<Header> all = inbox.getMessage(1).getAllHeaders(); all.hasMoreElements();) {
            Header header = all.nextElement();
            top.write((header.getName() + ": " + header.getValue() + "\n").getBytes());
        }
        Given.write("top", top.toByteArray());
        Given.did("top");
        Given.write("fetched", whole(inbox.getMessage(1)));
        Given.did("retr");
        inbox.getMessage(1).setFlag(Flags.Flag.DELETED, true);
        inbox.close(true);
        store.close();
        Given.did("dele");
    }
}
