import java.io.*;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

/** What every driver in Java shares: the facts, and `did`. */
final class Given {
    static final String HOST = System.getenv("HOST"), USER = System.getenv("MAIL_USER"), PASSWORD = System.getenv("MAIL_PASSWORD");
    static final String TLS = System.getenv("TLS"), LOGIN = System.getenv("LOGIN"), MARKER = System.getenv("MARKER");
    static final int PORT = Integer.parseInt(System.getenv("PORT"));
    private static final BufferedReader REPLIES = new BufferedReader(new InputStreamReader(System.in));

    static void did(Object... words) throws IOException {
        var line = new StringBuilder("did");
        for (Object word : words) line.append(' ').append(word);
        System.out.println(line);
        System.out.flush();
        REPLIES.readLine();
    }

    static byte[] bytes(String name) throws IOException {
        return Files.readAllBytes(Path.of(name));
    }

    static void write(String name, byte[] bytes) throws IOException {
        Files.write(Path.of(name), bytes);
    }

    /** Trust in the authority of this run, and in nothing else. */
    static SSLContext trust() throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (InputStream ca = Files.newInputStream(Path.of(System.getenv("CA")))) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(ca));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }
}
