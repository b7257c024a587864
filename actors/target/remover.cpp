#include "actors/target/remover.hpp"

#include "actors/base/ask.hpp"

namespace ais {

namespace {

using namespace std::chrono_literals;

/// A shard may sit behind a group of durable writes on a slow disk.
constexpr auto shard_timeout = 60s;

/// A request under way.
struct removal {
  bucket_ptr bucket;
  std::vector<std::string> names;
  std::vector<std::string> etags;    ///< of as many
  std::vector<int64_t> sizes;        ///< the same
  std::vector<int64_t> mtimes;       ///< the same
  std::vector<std::string> versions; ///< the same
  std::vector<std::string> marks;    ///< the same
  size_t next = 0;
  size_t under_way = 0;
  removed_objects out;
  caf::typed_response_promise<removed_objects> answer;
};
using removal_ptr = std::shared_ptr<removal>;

struct remover_state {
  static inline const char* name = "remover";

  remover_actor::pointer self = nullptr;
  remover_config config;
  size_t requests = 0;

  caf::result<removed_objects> remove(remove_objects& req) {
    if (req.names.size() > max_removed_names)
      return fail(errc::too_large,
                  "at most " + std::to_string(max_removed_names)
                    + " objects can be removed by one request");
    if (requests >= max_removal_requests)
      return fail(errc::too_many_requests,
                  "too many requests remove objects; try again");
    auto bucket = config.buckets->read()->find(req.bucket);
    if (!bucket)
      return bucket.error();
    if ((*bucket)->ref.bid != req.bid)
      return fail(errc::bucket_not_found, "bucket \"" + cname_of(req.bucket)
                                            + "\" is another one here");
    auto job = std::make_shared<removal>();
    job->bucket = std::move(*bucket);
    job->names = std::move(req.names);
    job->etags = std::move(req.etags);
    job->etags.resize(job->names.size());
    job->sizes = std::move(req.sizes);
    job->sizes.resize(job->names.size(), -1);
    job->mtimes = std::move(req.mtimes);
    job->mtimes.resize(job->names.size(), -1);
    job->versions = std::move(req.versions);
    job->versions.resize(job->names.size());
    job->marks = std::move(req.marks);
    job->marks.resize(job->names.size());
    job->answer = self->make_response_promise<removed_objects>();
    auto answer = job->answer;
    ++requests;
    go_on(job);
    return answer;
  }

  void go_on(const removal_ptr& job) {
    while (job->next < job->names.size()
           && job->under_way < max_removals_at_once)
      begin(job, job->next++);
    if (job->under_way > 0 || job->next < job->names.size())
      return;
    --requests;
    job->answer.deliver(std::move(job->out));
  }

  void begin(const removal_ptr& job, size_t i) {
    auto at = locate(job->bucket, job->names[i]);
    if (!at)
      return note(job, job->names[i], at.error());
    ++job->under_way;
    ask<ack>(
      self, config.settler, std::chrono::minutes{copy_timeout},
      settle_object{at->key},
      [this, job, i, at = *at](ack) { take(job, i, at); },
      [this, job, i](const error& e) { done(job, job->names[i], e); });
  }

  void take(const removal_ptr& job, size_t i, const located& at) {
    delete_object req{at.key};
    if (auto& etag = job->etags[i]; !etag.empty())
      req.if_match.push_back(etag);
    if (job->sizes[i] >= 0)
      req.if_size = static_cast<uint64_t>(job->sizes[i]);
    if (job->mtimes[i] >= 0)
      req.if_mtime_s = job->mtimes[i];
    req.version = job->versions[i];
    req.mark = job->marks[i];
    ask<ack>(
      self, at.shard, shard_timeout, std::move(req),
      [this, job, i](ack) { done(job, job->names[i], leased()); },
      [this, job, i](const error& e) {
        if (e == errc::object_not_found)
          done(job, job->names[i], leased());
        else
          done(job, job->names[i], e);
      });
  }

  /// Without a lease nobody may say that something is gone.
  void done(const removal_ptr& job, const std::string& object,
            const expected<void>& x) {
    --job->under_way;
    if (!x)
      note(job, object, x.error());
    go_on(job);
  }

  static void
  note(const removal_ptr& job, const std::string& object, const error& e) {
    job->out.failures.push_back({object, code_of(e), message_of(e)});
  }

  expected<void> leased() const {
    return config.gate_fence->check(config.env.steady_ns());
  }

  expected<located> locate(const bucket_ptr& b, const std::string& object) {
    if (auto ok = leased(); !ok)
      return ok.error();
    auto map = config.sync->read()->state->map;
    if (auto ok = check_owner(*map, config.node_id, b->ref.bck, object); !ok)
      return ok.error();
    return config.target->read()->locate({b, object});
  }
};

remover_actor::behavior_type
remover(remover_actor::stateful_pointer<remover_state> self,
        remover_config config) {
  auto& st = self->state;
  st.self = self;
  st.config = std::move(config);
  return {
    [&st](remove_objects& x) { return st.remove(x); },
  };
}

} // namespace

remover_actor
spawn_remover(caf::actor_system& sys, const remover_config& config) {
  return spawn_plain(sys, config.env, remover, config);
}

} // namespace ais
