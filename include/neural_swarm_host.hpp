// neural-swarm for C++17 and later: sockets, TLS and clocks of the operating system. Included by
// neural_swarm.hpp, which says how all of it is used, unless NSW_NO_STD is defined.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_HOST_HPP
#define NEURAL_SWARM_HOST_HPP

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "neural_swarm_object.hpp"
#include "neural_swarm_raft.hpp"
#include "neural_swarm_store.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_host_udp> {
    using config = nsw_host_udp_config;
    static constexpr auto footprint = &nsw_host_udp_footprint;
    static constexpr auto create = &nsw_host_udp_create;
    static constexpr auto destroy = &nsw_host_udp_destroy;
    static constexpr auto local = &nsw_host_udp_local;
    static constexpr auto send = &nsw_host_udp_send;
    static constexpr auto receive = &nsw_host_udp_receive;
    static constexpr auto transport = &nsw_host_udp_transport;
};

template <>
struct functions<nsw_host_tcp> {
    using config = nsw_host_tcp_config;
    static constexpr auto footprint = &nsw_host_tcp_footprint;
    static constexpr auto create = &nsw_host_tcp_create;
    static constexpr auto destroy = &nsw_host_tcp_destroy;
    static constexpr auto local = &nsw_host_tcp_local;
    static constexpr auto send = &nsw_host_tcp_send;
    static constexpr auto receive = &nsw_host_tcp_receive;
    static constexpr auto transport = &nsw_host_tcp_transport;
};

template <>
struct functions<nsw_host_metrics> {
    using config = nsw_host_metrics_config;
    static constexpr auto footprint = &nsw_host_metrics_footprint;
    static constexpr auto create = &nsw_host_metrics_create;
    static constexpr auto destroy = &nsw_host_metrics_destroy;
};

template <>
struct functions<nsw_host_storage> {
    using config = nsw_host_storage_config;
    static constexpr auto footprint = &nsw_host_storage_footprint;
    static constexpr auto create = &nsw_host_storage_create;
    static constexpr auto destroy = &nsw_host_storage_destroy;
};

template <>
struct functions<nsw_host_raft> {
    using config = nsw_host_raft_config;
    static constexpr auto footprint = &nsw_host_raft_footprint;
    static constexpr auto create = &nsw_host_raft_create;
    static constexpr auto destroy = &nsw_host_raft_destroy;
};

template <>
struct functions<nsw_host_flush> {
    static constexpr auto destroy = &nsw_host_flush_destroy;
};

/// As the C functions take it: a negative time is none, and what is longer than they know is for
/// ever.
inline std::uint64_t timeout_us(std::chrono::microseconds timeout) noexcept {
    if (timeout == std::chrono::microseconds::max()) {
        return UINT64_MAX;
    }
    return timeout.count() < 0 ? 0 : static_cast<std::uint64_t>(timeout.count());
}

} // namespace detail

/// Waits for ever.
constexpr std::chrono::microseconds forever = std::chrono::microseconds::max();

/// Microseconds of the system's monotonic clock. See nsw_host_now_us.
inline std::uint64_t now_us() noexcept {
    std::uint64_t now = 0;
    (void)nsw_host_now_us(&now); // which has no error but for a null pointer
    return now;
}
/// Seconds since 1970 by the system's wall clock. See nsw_host_unix_time.
inline std::uint64_t unix_time() noexcept {
    std::uint64_t seconds = 0;
    (void)nsw_host_unix_time(&seconds); // which has no error but for a null pointer
    return seconds;
}

/// Writes the secret of an identity to a new file. See nsw_host_key_write.
inline result<void> write_key(std::string_view path, const nsw_key &seed) noexcept {
    return result<void>(nsw_host_key_write(path.data(), path.size(), &seed));
}
/// Reads the secret of an identity from such a file. See nsw_host_key_read.
inline result<nsw_key> read_key(std::string_view path) noexcept {
    nsw_key seed{};
    const nsw_status status = nsw_host_key_read(path.data(), path.size(), &seed);
    return detail::result_of(status, seed);
}

/// Where a datagram goes to or came from.
struct address : nsw_address {
    address() noexcept : nsw_address{} { size = sizeof(nsw_address); }

    /// From text such as "127.0.0.1:4000". See nsw_host_address_parse.
    static result<address> parse(std::string_view text) noexcept {
        address parsed;
        const nsw_status status = nsw_host_address_parse(text.data(), text.size(), &parsed);
        return detail::result_of(status, parsed);
    }
    /// Of a socket with this name in its folder. See nsw_host_unix_address.
    static result<address> named(std::string_view name) noexcept {
        address found;
        const nsw_status status = nsw_host_unix_address(name.data(), name.size(), &found);
        return detail::result_of(status, found);
    }
    /// As text that parse() reads.
    result<std::string> text() const {
        char buf[64];
        std::size_t length = 0;
        const nsw_status status = nsw_host_address_text(this, buf, sizeof buf, &length);
        return detail::result_of(status, std::string(buf, status == NSW_OK ? length : 0));
    }

    friend bool operator==(const address &a, const address &b) noexcept {
        if (a.len != b.len) {
            return false;
        }
        for (std::uint32_t i = 0; i < a.len && i < NSW_ADDRESS_MAX; i++) {
            if (a.bytes[i] != b.bytes[i]) {
                return false;
            }
        }
        return true;
    }
    friend bool operator!=(const address &a, const address &b) noexcept { return !(a == b); }
};

/// What has been received.
struct received {
    /// Bytes, at the front of the buffer.
    std::size_t len;
    address from;
};

namespace detail {

/// What ways for datagrams have in common.
template <class Self, class Handle>
class way : public object<Self, Handle> {
    using api = functions<Handle>;

public:
    /// Sends, without waiting.
    result<void> send(const nsw_address &to, span<const std::uint8_t> bytes) noexcept {
        return result<void>(api::send(this->get(), &to, bytes.data(), bytes.size()));
    }
    /// What has arrived, after waiting for it for so long; none is no error.
    result<std::optional<received>> receive(span<std::uint8_t> buf,
                                            std::chrono::microseconds timeout = {}) noexcept {
        received got{0, {}};
        const nsw_status status = api::receive(this->get(), timeout_us(timeout), &got.from,
                                               buf.data(), buf.size(), &got.len);
        std::optional<received> found;
        if (status == NSW_OK) {
            found = got;
        }
        return result_of(status == NSW_AGAIN ? NSW_OK : status, found);
    }
    /// As hooks; valid as long as the object, also when it moves.
    result<nsw_transport> transport() noexcept {
        nsw_transport table = NSW_TRANSPORT_INIT;
        const nsw_status status = api::transport(this->get(), &table);
        return result_of(status, table);
    }
};

/// What sockets have in common besides.
template <class Self, class Handle>
class socket : public way<Self, Handle> {
public:
    /// Where it listens, with the port or the name that it got.
    result<address> local() const noexcept {
        address found;
        const nsw_status status = functions<Handle>::local(this->get(), &found);
        return result_of(status, found);
    }
};

} // namespace detail

/// Where a store came from. See NSW_HOST_STORAGE_JOURNAL and the like.
enum class storage_origin : std::uint32_t {
    journal = NSW_HOST_STORAGE_JOURNAL,
    newest = NSW_HOST_STORAGE_NEWEST,
    previous = NSW_HOST_STORAGE_PREVIOUS
};

/// A folder, and the empty store that becomes what is in it; both are only referred to, while
/// it is used.
struct storage_config : nsw_host_storage_config {
    storage_config(std::string_view folder, nsw::store &of) noexcept : nsw_host_storage_config{} {
        size = sizeof(nsw_host_storage_config);
        path = folder.data();
        path_len = folder.size();
        store = of.get();
    }
};

/// The files of a store. See nsw_host_storage_create.
class storage : public detail::object<storage, nsw_host_storage> {
public:
    /// What the files had.
    result<nsw_host_storage_info> describe() const noexcept {
        nsw_host_storage_info info = NSW_HOST_STORAGE_INFO_INIT;
        const nsw_status status = nsw_host_storage_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// Where the store came from.
    result<storage_origin> origin() const noexcept {
        nsw_host_storage_info info = NSW_HOST_STORAGE_INFO_INIT;
        const nsw_status status = nsw_host_storage_describe(get(), &info);
        return detail::result_of(status, static_cast<storage_origin>(info.origin));
    }
    /// Writes all that happened in the store since the last time; flush() makes it durable.
    result<void> append(store &of) noexcept {
        return result<void>(nsw_host_storage_append(get(), of.get()));
    }
    /// Makes durable what append() wrote.
    result<void> flush() noexcept { return result<void>(nsw_host_storage_flush(get())); }
    /// Makes all that happened in the store durable. See nsw_host_storage_commit.
    result<void> commit(store &of) noexcept {
        return result<void>(nsw_host_storage_commit(get(), of.get()));
    }
    /// Writes a new snapshot and makes it durable.
    result<void> snapshot(store &of) noexcept {
        return result<void>(nsw_host_storage_snapshot(get(), of.get()));
    }
};

/// A folder for the records of a node; it is only referred to, while it is used.
struct raft_files_config : nsw_host_raft_config {
    raft_files_config(std::string_view folder, std::uint64_t of) noexcept
        : nsw_host_raft_config{} {
        size = sizeof(nsw_host_raft_config);
        node = of;
        path = folder.data();
        path_len = folder.size();
    }
};

/// Makes records durable on another thread. See nsw_host_flush_create.
class raft_flush : public detail::owner<raft_flush, nsw_host_flush> {
    friend class raft_files;

public:
    /// The memory that raft_files::flush_later() takes.
    static result<nsw::footprint> footprint() noexcept {
        return footprint_of(&nsw_host_flush_footprint);
    }
    /// Waits until they are durable: the last of them.
    result<std::uint64_t> run() noexcept {
        std::uint64_t number = 0;
        const nsw_status status = nsw_host_flush_run(get(), &number);
        return detail::result_of(status, number);
    }
};

/// The records and snapshots of a Raft node in files. See nsw_host_raft.
class raft_files : public detail::object<raft_files, nsw_host_raft> {
public:
    /// What there is.
    result<nsw_host_raft_info> describe() const noexcept {
        nsw_host_raft_info info = NSW_HOST_RAFT_INFO_INIT;
        const nsw_status status = nsw_host_raft_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// Gives a node that was just made all that is needed of what was appended.
    result<void> restore(raft &node) noexcept {
        return result<void>(nsw_host_raft_restore(get(), node.get()));
    }
    /// Does all that a node wants of storage now. See nsw_host_raft_serve.
    result<void> serve(raft &node, std::uint64_t now_us) noexcept {
        return result<void>(nsw_host_raft_serve(get(), now_us, node.get()));
    }
    /// The same without waiting for records to be durable; whether there was something to do.
    result<bool> write(raft &node, std::uint64_t now_us) noexcept {
        const nsw_status status = nsw_host_raft_write(get(), now_us, node.get());
        return detail::result_of(status == NSW_DONE ? NSW_OK : status, status == NSW_OK);
    }
    /// The next chunk of a snapshot that another node needs; none if there is none now.
    result<std::optional<raft_message>> next_chunk(raft &node, span<std::uint8_t> buf) noexcept {
        raft_message message{0, 0};
        const nsw_status status = nsw_host_raft_next_chunk(get(), node.get(), buf.data(),
                                                           buf.size(), &message.len, &message.to);
        return detail::unless_done(status, message);
    }
    /// Takes a record that is to become durable.
    result<void> append(const nsw_raft_record &record) noexcept {
        return result<void>(nsw_host_raft_append(get(), &record));
    }
    /// Makes all records durable that were appended: the last of them.
    result<std::uint64_t> flush() noexcept {
        std::uint64_t number = 0;
        const nsw_status status = nsw_host_raft_flush(get(), &number);
        return detail::result_of(status, number);
    }
    /// The same on another thread. A null `mem` means the system's heap.
    result<raft_flush> flush_later(const nsw_allocator *mem = nullptr) noexcept {
        return raft_flush::made_by(
            [&](nsw_host_flush **out) { return nsw_host_flush_create(get(), mem, out); });
    }
    /// The last record that is durable.
    result<std::uint64_t> durable() noexcept {
        std::uint64_t number = 0;
        const nsw_status status = nsw_host_raft_durable(get(), &number);
        return detail::result_of(status, number);
    }
    /// An entry; its bytes are good until the next call.
    result<nsw_raft_record> entry(std::uint64_t index) noexcept {
        nsw_raft_record record = NSW_RAFT_RECORD_INIT;
        const nsw_status status = nsw_host_raft_entry(get(), index, &record);
        return detail::result_of(status, record);
    }
    /// Begins a snapshot of the application's state after an entry.
    result<void> snapshot_begin(std::uint64_t index) noexcept {
        return result<void>(nsw_host_raft_snapshot_begin(get(), index));
    }
    /// Its next bytes.
    result<void> snapshot_write(span<const std::uint8_t> bytes) noexcept {
        return result<void>(nsw_host_raft_snapshot_write(get(), bytes.data(), bytes.size()));
    }
    /// Makes it durable.
    result<void> snapshot_end() noexcept {
        return result<void>(nsw_host_raft_snapshot_end(get()));
    }
    /// Bytes of a snapshot.
    result<std::uint64_t> snapshot_size(std::uint64_t index) const noexcept {
        std::uint64_t len = 0;
        const nsw_status status = nsw_host_raft_snapshot_size(get(), index, &len);
        return detail::result_of(status, len);
    }
    /// Reads from a snapshot: how much there was.
    result<std::size_t> snapshot_read(std::uint64_t index, std::uint64_t offset,
                                      span<std::uint8_t> buf) noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_host_raft_snapshot_read(get(), index, offset, buf.data(), buf.size(), len);
        });
    }
    /// Bytes of a snapshot that has arrived.
    result<void> receive(const nsw_raft_snapshot_write &write) noexcept {
        return result<void>(nsw_host_raft_receive(get(), &write));
    }
};

/// Where a UDP socket listens; the address is only referred to, while it is used.
struct udp_config : nsw_host_udp_config {
    explicit udp_config(const nsw_address &at) noexcept : nsw_host_udp_config{} {
        size = sizeof(nsw_host_udp_config);
        bind = &at;
    }
    explicit udp_config(const nsw_address &&) = delete;
};

/// A UDP socket. See nsw_host_udp_create.
class udp : public detail::socket<udp, nsw_host_udp> {
public:
    /// What was dropped.
    result<nsw_host_udp_info> describe() const noexcept {
        nsw_host_udp_info info = NSW_HOST_UDP_INFO_INIT;
        const nsw_status status = nsw_host_udp_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

/// Frames of at most so many bytes over TCP; the address is only referred to, while it is used.
struct tcp_config : nsw_host_tcp_config {
    /// To connect only.
    explicit tcp_config(std::size_t longest_frame) noexcept : nsw_host_tcp_config{} {
        size = sizeof(nsw_host_tcp_config);
        max_frame = longest_frame;
    }
    /// To listen as well.
    tcp_config(std::size_t longest_frame, const nsw_address &at) noexcept
        : tcp_config(longest_frame) {
        bind = &at;
    }
    tcp_config(std::size_t, const nsw_address &&) = delete;
};

/// A listener and connections, each by the address of its peer. See nsw_host_tcp_create.
class tcp : public detail::socket<tcp, nsw_host_tcp> {
public:
    /// Connects to a listener, unless that is done.
    result<void> connect(const nsw_address &to, std::chrono::microseconds timeout) noexcept {
        return result<void>(nsw_host_tcp_connect(get(), &to, detail::timeout_us(timeout)));
    }
    /// Whether there is a connection to this peer.
    result<bool> is_connected(const nsw_address &peer) const noexcept {
        std::uint32_t connected = 0;
        const nsw_status status = nsw_host_tcp_is_connected(get(), &peer, &connected);
        return detail::result_of(status, connected != 0);
    }
    /// Closes a connection.
    result<void> close(const nsw_address &peer) noexcept {
        return result<void>(nsw_host_tcp_close(get(), &peer));
    }
    /// Waits until all that was sent has left for the system.
    result<void> flush(std::chrono::microseconds timeout) noexcept {
        return result<void>(nsw_host_tcp_flush(get(), detail::timeout_us(timeout)));
    }
    /// What became of connections.
    result<nsw_host_tcp_info> describe() const noexcept {
        nsw_host_tcp_info info = NSW_HOST_TCP_INFO_INIT;
        const nsw_status status = nsw_host_tcp_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

/// Where metrics are served; the address is only referred to, while it is used.
struct metrics_config : nsw_host_metrics_config {
    explicit metrics_config(const nsw_address &at) noexcept : nsw_host_metrics_config{} {
        size = sizeof(nsw_host_metrics_config);
        bind = &at;
    }
    explicit metrics_config(const nsw_address &&) = delete;

    /// How long a request may take to come, and its answer to be taken.
    metrics_config &set_timeout(std::chrono::microseconds timeout) noexcept {
        timeout_us = detail::timeout_us(timeout);
        return *this;
    }
};

/// Metrics over HTTP, for Prometheus and its like. See nsw_host_metrics.
class metrics_server : public detail::object<metrics_server, nsw_host_metrics> {
public:
    /// Where it listens, with the port that it got.
    result<address> local() const noexcept {
        address found;
        const nsw_status status = nsw_host_metrics_local(get(), &found);
        return detail::result_of(status, found);
    }
    /// Serves this OpenMetrics text from now on.
    result<void> publish(std::string_view text) noexcept {
        return result<void>(nsw_host_metrics_publish(get(), text.data(), text.size()));
    }
    /// What became of connections.
    result<nsw_host_metrics_info> describe() const noexcept {
        nsw_host_metrics_info info = NSW_HOST_METRICS_INFO_INIT;
        const nsw_status status = nsw_host_metrics_describe(get(), &info);
        return detail::result_of(status, info);
    }
};

#ifdef NSW_TLS

namespace detail {

template <>
struct functions<nsw_host_listener> {
    static constexpr auto destroy = &nsw_host_listener_destroy;
};

template <>
struct functions<nsw_host_tls> {
    using config = nsw_host_tls_config;
    static constexpr auto footprint = &nsw_host_tls_footprint;
    static constexpr auto create = &nsw_host_tls_create;
    static constexpr auto destroy = &nsw_host_tls_destroy;
};

} // namespace detail

/// A TCP listener by itself, for tls::accept(). See nsw_host_listener_create.
class listener : public detail::owner<listener, nsw_host_listener> {
public:
    /// The memory that create() takes.
    static result<nsw::footprint> footprint(const nsw_address &bind) noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_host_listener_footprint(&bind, size, align);
        });
    }
    /// Listens. A null `mem` means the system's heap.
    static result<listener> create(const nsw_address &bind,
                                   const nsw_allocator *mem = nullptr) noexcept {
        return made_by([&](nsw_host_listener **out) {
            return nsw_host_listener_create(&bind, mem, out);
        });
    }
    /// Where it listens, with the port that it got.
    result<address> local() const noexcept {
        address found;
        const nsw_status status = nsw_host_listener_local(get(), &found);
        return detail::result_of(status, found);
    }
};

/// Where the certificates and the key of TLS are. What it is given is only referred to, while it
/// is used.
struct tls_config : nsw_host_tls_config {
    tls_config(const nsw_identity *who, std::string_view certificate_file,
               std::string_view key_file, std::string_view roots_file,
               std::size_t longest_frame) noexcept
        : nsw_host_tls_config{} {
        size = sizeof(nsw_host_tls_config);
        identity = who;
        certificates = certificate_file.data();
        certificates_len = certificate_file.size();
        key = key_file.data();
        key_len = key_file.size();
        roots = roots_file.data();
        roots_len = roots_file.size();
        max_frame = longest_frame;
    }
    /// How long a handshake may take.
    tls_config &set_handshake(std::chrono::microseconds timeout) noexcept {
        handshake_us = detail::timeout_us(timeout);
        return *this;
    }
};

/// A connection over mutual TLS 1.3, or a place for one. See nsw_host_tls_create.
class tls : public detail::object<tls, nsw_host_tls> {
public:
    /// Trusts an identity.
    result<void> pin(const nsw_key &identity) noexcept {
        return result<void>(nsw_host_tls_pin(get(), &identity));
    }
    /// No longer trusts an identity by itself.
    result<void> unpin(const nsw_key &identity) noexcept {
        return result<void>(nsw_host_tls_unpin(get(), &identity));
    }
    /// Trusts whoever has a certificate by this authority.
    result<void> add_authority(const nsw_key &authority, std::uint32_t epoch) noexcept {
        return result<void>(nsw_host_tls_add_authority(get(), &authority, epoch));
    }
    /// No longer trusts an authority.
    result<void> remove_authority(const nsw_key &authority) noexcept {
        return result<void>(nsw_host_tls_remove_authority(get(), &authority));
    }
    /// The certificate of the swarm that this node shows from now on; empty: none.
    result<void> set_certificate(span<const std::uint8_t> certificate) noexcept {
        return result<void>(
            nsw_host_tls_set_certificate(get(), certificate.data(), certificate.size()));
    }
    /// The capability that this node shows from now on; empty: none.
    result<void> set_capability(span<const std::uint8_t> capability) noexcept {
        return result<void>(
            nsw_host_tls_set_capability(get(), capability.data(), capability.size()));
    }

    /// Connects to a listener whose certificate says `name`, and whose identity is `expected`
    /// unless that is null. See nsw_host_tls_connect.
    result<void> connect(const nsw_address &to, std::string_view name, const nsw_key *expected,
                         std::chrono::microseconds timeout) noexcept {
        return result<void>(nsw_host_tls_connect(get(), &to, name.data(), name.size(), expected,
                                                 detail::timeout_us(timeout)));
    }
    /// Takes in the next client of a listener. See nsw_host_tls_accept.
    result<void> accept(const listener &at, std::chrono::microseconds timeout) noexcept {
        return result<void>(nsw_host_tls_accept(get(), at.get(), detail::timeout_us(timeout)));
    }
    /// Who is at the other end.
    result<nsw_host_tls_peer_info> peer() const noexcept {
        nsw_host_tls_peer_info info = NSW_HOST_TLS_PEER_INFO_INIT;
        const nsw_status status = nsw_host_tls_peer(get(), &info);
        return detail::result_of(status, info);
    }
    /// Writes the capability that the peer has shown; returns its length.
    result<std::size_t> peer_capability(span<std::uint8_t> buf) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_host_tls_peer_capability(get(), buf.data(), buf.size(), len);
        });
    }

    /// Sends a frame, without waiting.
    result<void> send(span<const std::uint8_t> frame) noexcept {
        return result<void>(nsw_host_tls_send(get(), frame.data(), frame.size()));
    }
    /// Waits until all that was sent has left for the system.
    result<void> flush(std::chrono::microseconds timeout) noexcept {
        return result<void>(nsw_host_tls_flush(get(), detail::timeout_us(timeout)));
    }
    /// The length of the frame that has arrived, after waiting for it for so long; none is no
    /// error.
    result<std::optional<std::size_t>> receive(span<std::uint8_t> buf,
                                               std::chrono::microseconds timeout = {}) noexcept {
        std::size_t len = 0;
        const nsw_status status =
            nsw_host_tls_receive(get(), detail::timeout_us(timeout), buf.data(), buf.size(), &len);
        std::optional<std::size_t> found;
        if (status == NSW_OK) {
            found = len;
        }
        return detail::result_of(status == NSW_AGAIN ? NSW_OK : status, found);
    }
    /// Ends the connection, and tells the peer.
    result<void> close(std::chrono::microseconds timeout) noexcept {
        return result<void>(nsw_host_tls_close(get(), detail::timeout_us(timeout)));
    }
    /// As hooks; valid as long as the object, also when it moves.
    result<nsw_transport> transport() noexcept {
        nsw_transport table = NSW_TRANSPORT_INIT;
        const nsw_status status = nsw_host_tls_transport(get(), &table);
        return detail::result_of(status, table);
    }
};

#endif // NSW_TLS

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_HOST_HPP
