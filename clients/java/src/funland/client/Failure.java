package funland.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RequestInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A call that failed. {@code reason} is for programs, the message for people. */
public final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final Metadata.Key<byte[]> DETAILS =
            Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);
    /** The contract's reasons for what no server said, but the client or the line between. */
    private static final Map<Status.Code, String> OF_THE_LINE =
            Map.of(
                    Status.Code.CANCELLED, "CALLER_GONE",
                    Status.Code.DEADLINE_EXCEEDED, "DEADLINE_PASSED",
                    Status.Code.UNAVAILABLE, "SERVER_UNREACHABLE");

    private final Status.Code code;
    private final transient List<String> fields = new ArrayList<>();
    private String reason;
    private transient Map<String, String> metadata = Map.of();
    private Duration retryDelay;
    private String requestId = "";

    /** Reads what a call threw. */
    public Failure(StatusRuntimeException thrown) {
        super(thrown.getStatus().getDescription(), thrown);
        code = thrown.getStatus().getCode();
        reason = OF_THE_LINE.getOrDefault(code, "");
        Metadata trailers = thrown.getTrailers();
        byte[] details = trailers == null ? null : trailers.get(DETAILS);
        if (details == null) {
            return;
        }
        try {
            for (Any detail : com.google.rpc.Status.parseFrom(details).getDetailsList()) {
                read(detail);
            }
        } catch (InvalidProtocolBufferException notFunlands) {
            addSuppressed(notFunlands);
        }
    }

    private void read(Any detail) throws InvalidProtocolBufferException {
        if (detail.is(ErrorInfo.class)) {
            ErrorInfo info = detail.unpack(ErrorInfo.class);
            if (info.getDomain().equals("funland")) {
                reason = info.getReason();
                metadata = info.getMetadataMap();
            }
        } else if (detail.is(BadRequest.class)) {
            detail.unpack(BadRequest.class).getFieldViolationsList().forEach(each -> fields.add(each.getField()));
        } else if (detail.is(RetryInfo.class)) {
            com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
            retryDelay = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
        } else if (detail.is(RequestInfo.class)) {
            requestId = detail.unpack(RequestInfo.class).getRequestId();
        }
    }

    /** The canonical status code. */
    public Status.Code code() {
        return code;
    }

    /** A name of the contract's ErrorReason; empty if no server of Funland's told one. */
    public String reason() {
        return reason;
    }

    /** The reason's details, such as the {@code model}. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** The paths of the fields that are wrong, such as {@code messages[0].role}. */
    public List<String> fields() {
        return fields;
    }

    /** How long the server asks to wait before another try. */
    public Optional<Duration> retryDelay() {
        return Optional.ofNullable(retryDelay);
    }

    /** The call's id in the server's log; empty if no server answered. */
    public String requestId() {
        return requestId;
    }

    /** Whether the same call may succeed a little later. */
    public boolean retryable() {
        return code == Status.Code.UNAVAILABLE || retryDelay != null;
    }
}
