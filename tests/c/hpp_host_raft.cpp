// Raft nodes over files by way of the C++ wrapper.

#include <string>
#include <thread>
#include <vector>

#include "folder.h"
#include "neural_swarm.hpp"
#include "raft_bytes.hpp"
#include "support.h"

namespace {

struct alone {
    nsw::raft_files files;
    nsw::raft raft;
    std::string state;

    explicit alone(const std::string &path)
        : files(nsw::raft_files::create(config(path)).value()),
          raft(nsw::raft::create(nsw::raft_config(3)).value()) {
        CHECK(files.restore(raft).ok());
        const nsw_host_raft_info info = files.describe().value();
        if (info.empty != 0) {
            const nsw::raft_member first[] = {{3}};
            CHECK(raft.bootstrap(first).ok());
        }
        if (info.snapshot > 0) {
            bytes held(files.snapshot_size(info.snapshot).value());
            CHECK(files.snapshot_read(info.snapshot, 0, held).value() == held.size());
            state.assign(held.begin(), held.end());
            CHECK(raft.applied(info.snapshot).ok());
        }
        CHECK(raft.start(0).ok());
    }

    static nsw::raft_files_config config(const std::string &path) {
        nsw::raft_files_config made(path, 3);
        made.segment_bytes = 512;
        return made;
    }

    void apply() {
        while (auto entry = raft.next_committed().value()) {
            if (entry->kind == NSW_RAFT_ENTRY_DATA) {
                state.append(entry->data, entry->data + entry->data_len);
            }
            CHECK(raft.applied(entry->index).ok());
        }
    }
};

/// A group of one: what it has agreed on comes back.
void agreement(const std::string &path) {
    std::string expected;
    for (int turn = 0; turn < 4; turn++) {
        alone node(path);
        bytes buf(65536);
        std::uint64_t now = 2000000;
        CHECK(node.raft.tick(now).ok());
        CHECK(node.files.serve(node.raft, now).ok());
        CHECK(node.raft.role().value() == nsw::raft_role::leader);
        for (int i = 0; i < 20; i++, now += 1000) {
            const std::string what = std::to_string(turn) + "/" + std::to_string(i) + " ";
            CHECK(node.raft.propose(bytes_of(what), now).value() > 0);
            expected += what;
            if (i % 2 == 0) {
                CHECK(node.files.serve(node.raft, now).ok());
                continue;
            }
            // By another thread.
            CHECK(node.files.write(node.raft, now).value());
            nsw::raft_flush flush = node.files.flush_later().value();
            std::thread([&flush] { CHECK(flush.run().value() > 0); }).join();
            CHECK(node.raft.durable(node.files.durable().value(), now).ok());
        }
        CHECK(!node.files.next_chunk(node.raft, buf).value());
        node.apply();
        CHECK(node.state == expected);
        const std::uint64_t applied = node.raft.describe().value().applied;
        const nsw_raft_record last = node.files.entry(applied).value();
        CHECK(last.index == applied && last.data_len == 5);
        if (turn % 2 == 1) {
            CHECK(node.files.snapshot_begin(applied).ok());
            CHECK(node.files.snapshot_write(bytes_of(node.state)).ok());
            CHECK(node.files.snapshot_end().ok());
            CHECK(node.raft.compact(applied).ok());
            CHECK(node.files.serve(node.raft, now).ok());
            CHECK(node.files.describe().value().snapshot == applied);
        }
        CHECK(nsw::raft_files::create(alone::config(path)).status() == NSW_ERR_BUSY);
    }
}

/// Record by record.
void records(const std::string &path) {
    nsw::raft_files files = nsw::raft_files::create(alone::config(path)).value();
    nsw_raft_record record = NSW_RAFT_RECORD_INIT;
    record.kind = NSW_RAFT_RECORD_STATE;
    record.number = 1;
    record.term = 4;
    CHECK(files.append(record).ok());
    CHECK(files.flush().value() == 1);
    nsw_raft_snapshot_write write = NSW_RAFT_SNAPSHOT_WRITE_INIT;
    write.index = 5;
    CHECK(files.receive(write).ok());
    CHECK(files.snapshot_size(5).value() == 0);
    CHECK(files.append(record).status() == NSW_ERR_INVALID);
    record.number = 2;
    record.term = 3;
    CHECK(files.append(record).status() == NSW_ERR_RAFT_LOST);
    CHECK(nsw::raft_flush::footprint().value().size > 0);
}

void remove(const std::string &path) {
    for (int i = 0; i < 400; i++) {
        (void)unlink((path + "/segment-" + std::to_string(i)).c_str());
        (void)unlink((path + "/snapshot-" + std::to_string(i)).c_str());
    }
    CHECK(unlink((path + "/newest").c_str()) == 0);
    CHECK(unlink((path + "/lock").c_str()) == 0);
    CHECK(rmdir(path.c_str()) == 0);
}

} // namespace

int main() {
    char folder[200];
    REQUIRE(make_folder(folder, sizeof folder));
    const std::string path = folder;
    agreement(path + "/a");
    records(path + "/b");
    remove(path + "/a");
    remove(path + "/b");
    CHECK(rmdir(folder) == 0);
    return check_report("hpp_host_raft");
}
