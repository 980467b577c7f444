import java.io.*;
import java.nio.charset.StandardCharsets;
import org.apache.commons.net.pop3.*;
import org.apache.commons.net.smtp.*;

/** Apache Commons Net, the protocol library under many tools in Java. */
public final class CommonsNet {
    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("smtp")) send(); else take();
    }

    private static void sure(boolean done, String said) {
        if (!done) throw new IllegalStateException(said);
    }

    private static void send() throws Exception {
        boolean implicit = Given.TLS.equals("implicit");
        var smtp = implicit ? new AuthenticatingSMTPClient(true, Given.trust()) : new AuthenticatingSMTPClient("TLS", false, "ISO-8859-1");
        smtp.setEndpointCheckingEnabled(implicit);
        smtp.connect(Given.HOST, Given.PORT);
        sure(smtp.elogin("client.example"), smtp.getReplyString());
        var method = AuthenticatingSMTPClient.AUTH_METHOD.valueOf(Given.LOGIN.toUpperCase());
        sure(smtp.auth(method, Given.USER, Given.PASSWORD), smtp.getReplyString());
        sure(smtp.setSender(Given.USER) && smtp.addRecipient(Given.USER), smtp.getReplyString());
        try (Writer writer = smtp.sendMessageData()) {
            writer.write(new String(Given.bytes("message"), StandardCharsets.ISO_8859_1));
        }
        sure(smtp.completePendingCommand(), smtp.getReplyString());
        smtp.logout();
        smtp.disconnect();
        Given.did("send");
    }

    private static void take() throws Exception {
        POP3Client pop3 = Given.TLS.equals("implicit") ? new POP3SClient(true, Given.trust()) : new POP3Client();
        pop3.connect(Given.HOST, Given.PORT);
        sure(pop3.login(Given.USER, Given.PASSWORD), pop3.getReplyString());
        Given.did("stat", pop3.status().number);
        POP3MessageInfo[] ids = pop3.listUniqueIdentifiers();
        Given.did("uidl", ids[0].identifier, ids[1].identifier);
        Given.write("top", read(pop3.retrieveMessageTop(1, 0)));
        Given.did("top");
        Given.write("fetched", read(pop3.retrieveMessage(1)));
        Given.did("retr");
        sure(pop3.deleteMessage(1), pop3.getReplyString());
        sure(pop3.logout(), pop3.getReplyString());
        pop3.disconnect();
        Given.did("dele");
    }

    private static byte[] read(Reader reader) throws Exception {
        try (reader) {
            var text = new StringWriter();
            reader.transferTo(text);
            return text.toString().getBytes(StandardCharsets.ISO_8859_1);
        }
    }
}
