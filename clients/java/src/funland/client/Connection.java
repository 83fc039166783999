package funland.client;

import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.util.concurrent.TimeUnit;

/** A connection to a Funland server; the first call opens it. */
public final class Connection implements AutoCloseable {
    private static final String DEFAULT_ADDRESS = "127.0.0.1:50051";
    private static final String ENCRYPTED = "grpcs://";

    private final ManagedChannel channel;

    /**
     * Connects to {@code host:port}, or over TLS to {@code grpcs://host:port}. Null or empty: the
     * environment's FUNLAND_SERVER, else 127.0.0.1:50051.
     */
    public Connection(String address) {
        String named = firstOf(address, System.getenv("FUNLAND_SERVER"), DEFAULT_ADDRESS);
        boolean encrypted = named.startsWith(ENCRYPTED);
        ManagedChannelBuilder<?> builder =
                ManagedChannelBuilder.forTarget(encrypted ? named.substring(ENCRYPTED.length()) : named)
                        .maxInboundMessageSize(Integer.MAX_VALUE);
        channel = (encrypted ? builder.useTransportSecurity() : builder.usePlaintext()).build();
    }

    /** What the generated clients are made with. */
    public ManagedChannel channel() {
        return channel;
    }

    /** Ends all calls. */
    @Override
    public void close() {
        channel.shutdownNow();
        try {
            channel.awaitTermination(5, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static String firstOf(String... texts) {
        for (String text : texts) {
            if (text != null && !text.isEmpty()) {
                return text;
            }
        }
        throw new IllegalArgumentException("there is no address");
    }
}
