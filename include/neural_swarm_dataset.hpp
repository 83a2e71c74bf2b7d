// neural-swarm for C++17 and later: samples. Included by
// neural_swarm.hpp, which says how all of it is used.
// SPDX-License-Identifier: MIT OR Apache-2.0

#ifndef NEURAL_SWARM_DATASET_HPP
#define NEURAL_SWARM_DATASET_HPP

#include "neural_swarm_train.hpp"

namespace nsw {
inline namespace NSW_HPP_ON_ERROR {
inline namespace NSW_HPP_SPAN {

namespace detail {

template <>
struct functions<nsw_dataset> {
    using config = nsw_dataset_config;
    static constexpr auto footprint = &nsw_dataset_footprint;
    static constexpr auto create = &nsw_dataset_create;
    static constexpr auto destroy = &nsw_dataset_destroy;
};

} // namespace detail

/// What a new dataset has room for.
struct dataset_config : nsw_dataset_config {
    dataset_config(std::uint32_t inputs_each, std::uint32_t outputs_each,
                   std::size_t samples) noexcept
        : nsw_dataset_config{} {
        size = sizeof(nsw_dataset_config);
        inputs = inputs_each;
        outputs = outputs_each;
        capacity = samples;
    }
};

/// Where the numbers of a column are to lie.
struct fit : nsw_fit {
    /// The smallest at `low`, the largest at `high`.
    static fit range(float low, float high) noexcept { return {NSW_FIT_RANGE, low, high}; }
    /// Mean and standard deviation in the middle and at the ends.
    static fit spread(float low, float high) noexcept { return {NSW_FIT_SPREAD, low, high}; }
    /// Mean 0 and standard deviation 1.
    static fit standard() noexcept { return {NSW_FIT_STANDARD, 0.0f, 0.0f}; }

private:
    fit(std::uint32_t how, float lower, float upper) noexcept : nsw_fit{} {
        size = sizeof(nsw_fit);
        method = how;
        low = lower;
        high = upper;
    }
};

/// How CSV becomes samples: commas, no header, the last column is the target, unless it is set.
/// What it is given is only referred to, while it is used.
struct csv_config : nsw_csv_config {
    csv_config() noexcept : nsw_csv_config{} { size = sizeof(nsw_csv_config); }
    csv_config &set_delimiter(char value) noexcept {
        delimiter = static_cast<unsigned char>(value);
        return *this;
    }
    csv_config &set_header(bool value = true) noexcept {
        header = value ? 1 : 0;
        return *this;
    }
    csv_config &set_inputs(span<const std::uint32_t> columns) noexcept {
        inputs = columns.data();
        inputs_len = columns.size();
        return *this;
    }
    csv_config &set_targets(span<const std::uint32_t> columns) noexcept {
        targets = columns.data();
        targets_len = columns.size();
        return *this;
    }
    /// The names of classes, written like a line of the file (UTF-8).
    csv_config &set_class_names(span<const std::uint8_t> line) noexcept {
        class_names = line.data();
        class_names_len = line.size();
        return *this;
    }
};

/// How the numbers of IDX files become samples: as they are, unless it is set.
struct idx_config : nsw_idx_config {
    idx_config() noexcept : nsw_idx_config{} { size = sizeof(nsw_idx_config); }
    explicit idx_config(float scale_of_inputs, std::uint32_t class_count = 0) noexcept
        : idx_config() {
        scale = scale_of_inputs;
        classes = class_count;
    }
};

/// The two parts of samples that are split.
struct data_split {
    nsw::data first;
    nsw::data rest;
};

/// Samples: rows of inputs and as many rows of targets. See nsw_dataset_create.
class dataset : public detail::object<dataset, nsw_dataset> {
public:
    /// The memory that view() takes.
    static result<nsw::footprint> view_footprint(const nsw_data &samples, std::uint32_t inputs,
                                                 std::uint32_t outputs) noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_dataset_view_footprint(&samples, inputs, outputs, size, align);
        });
    }
    /// Reads samples where they are: the numbers must stay as they are until it is destroyed.
    static result<dataset> view(const nsw_data &samples, std::uint32_t inputs,
                                std::uint32_t outputs,
                                const nsw_allocator *mem = nullptr) noexcept {
        return made_by([&](nsw_dataset **out) {
            return nsw_dataset_view(&samples, inputs, outputs, mem, out);
        });
    }

    /// The memory that load_fann() takes.
    static result<nsw::footprint> load_fann_footprint(span<const std::uint8_t> text,
                                                      const nsw_logger *log = nullptr) noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_dataset_load_fann_footprint(text.data(), text.size(), log, size, align);
        });
    }
    /// From FANN's training data. See nsw_dataset_load_fann.
    static result<dataset> load_fann(span<const std::uint8_t> text,
                                     const nsw_allocator *mem = nullptr,
                                     const nsw_logger *log = nullptr) noexcept {
        return made_by([&](nsw_dataset **out) {
            return nsw_dataset_load_fann(text.data(), text.size(), log, mem, out);
        });
    }
    /// The memory that load_csv() takes.
    static result<nsw::footprint> load_csv_footprint(span<const std::uint8_t> text,
                                                     const nsw_csv_config &config) noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_dataset_load_csv_footprint(text.data(), text.size(), &config, size, align);
        });
    }
    /// From comma-separated values. See nsw_dataset_load_csv.
    static result<dataset> load_csv(span<const std::uint8_t> text, const nsw_csv_config &config,
                                    const nsw_allocator *mem = nullptr) noexcept {
        return made_by([&](nsw_dataset **out) {
            return nsw_dataset_load_csv(text.data(), text.size(), &config, mem, out);
        });
    }
    /// The memory that load_idx() takes.
    static result<nsw::footprint> load_idx_footprint(span<const std::uint8_t> inputs,
                                                     span<const std::uint8_t> targets,
                                                     const nsw_idx_config &config) noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_dataset_load_idx_footprint(inputs.data(), inputs.size(), targets.data(),
                                                  targets.size(), &config, size, align);
        });
    }
    /// From IDX files, the format of MNIST; no targets if those are empty. See
    /// nsw_dataset_load_idx.
    static result<dataset> load_idx(span<const std::uint8_t> inputs,
                                    span<const std::uint8_t> targets,
                                    const nsw_idx_config &config,
                                    const nsw_allocator *mem = nullptr) noexcept {
        return made_by([&](nsw_dataset **out) {
            return nsw_dataset_load_idx(inputs.data(), inputs.size(), targets.data(),
                                        targets.size(), &config, mem, out);
        });
    }

    /// The memory that copy() takes.
    result<nsw::footprint> copy_footprint() const noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_dataset_copy_footprint(get(), size, align);
        });
    }
    /// The same samples, with numbers of their own.
    result<dataset> copy(const nsw_allocator *mem = nullptr) const noexcept {
        return made_by([&](nsw_dataset **out) { return nsw_dataset_copy(get(), mem, out); });
    }
    /// The memory that merge() takes.
    result<nsw::footprint> merge_footprint(const dataset &other) const noexcept {
        return footprint_of([&](std::size_t *size, std::size_t *align) {
            return nsw_dataset_merge_footprint(get(), other.get(), size, align);
        });
    }
    /// The samples of both, those of `other` behind.
    result<dataset> merge(const dataset &other,
                          const nsw_allocator *mem = nullptr) const noexcept {
        return made_by([&](nsw_dataset **out) {
            return nsw_dataset_merge(get(), other.get(), mem, out);
        });
    }

    /// What it is.
    result<nsw_dataset_info> describe() const noexcept {
        nsw_dataset_info info = NSW_DATASET_INFO_INIT;
        const nsw_status status = nsw_dataset_describe(get(), &info);
        return detail::result_of(status, info);
    }
    /// Adds samples behind the others.
    result<void> append(const nsw_data &samples) noexcept {
        return result<void>(nsw_dataset_append(get(), &samples));
    }
    /// All samples, where they are.
    result<nsw::data> data() const noexcept {
        nsw_data lent = NSW_DATA_INIT;
        const nsw_status status = nsw_dataset_data(get(), &lent);
        return detail::result_of(status, nsw::data(lent));
    }
    /// Some of the samples, where they are.
    result<nsw::data> subset(std::size_t from, std::size_t count) const noexcept {
        nsw_data lent = NSW_DATA_INIT;
        const nsw_status status = nsw_dataset_subset(get(), from, count, &lent);
        return detail::result_of(status, nsw::data(lent));
    }
    /// The samples before the one at `at` and those from there on, where they are.
    result<data_split> split(std::size_t at) const noexcept {
        nsw_data first = NSW_DATA_INIT, rest = NSW_DATA_INIT;
        const nsw_status status = nsw_dataset_split(get(), at, &first, &rest);
        return detail::result_of(status, data_split{first, rest});
    }
    /// Brings the samples into a random order.
    result<void> shuffle(std::uint64_t seed) noexcept {
        return result<void>(nsw_dataset_shuffle(get(), seed));
    }

    /// What the numbers of an input are like, or for indices from the number of inputs on of a
    /// target.
    result<nsw_column> column(std::uint32_t index) const noexcept {
        nsw_column found = NSW_COLUMN_INIT;
        const nsw_status status = nsw_dataset_column(get(), index, &found);
        return detail::result_of(status, found);
    }
    /// The scale that brings it to where `how` says.
    result<nsw_scale> fit(std::uint32_t index, const nsw_fit &how) const noexcept {
        nsw_scale scale = NSW_SCALE_INIT;
        const nsw_status status = nsw_dataset_fit(get(), index, &how, &scale);
        return detail::result_of(status, scale);
    }
    /// Sets the scales of a network's inputs, so that samples like these come to lie there.
    result<void> fit_scales(net &target, const nsw_fit &inputs) const noexcept {
        return result<void>(nsw_dataset_fit_scales(get(), &inputs, nullptr, target.get()));
    }
    /// Those of its outputs too.
    result<void> fit_scales(net &target, const nsw_fit &inputs,
                            const nsw_fit &targets) const noexcept {
        return result<void>(nsw_dataset_fit_scales(get(), &inputs, &targets, target.get()));
    }
    /// Scales all samples in place by the network's scales.
    result<void> scale(const net &by) noexcept {
        return result<void>(nsw_dataset_scale(get(), by.get()));
    }
    /// Turns that back.
    result<void> unscale(const net &by) noexcept {
        return result<void>(nsw_dataset_unscale(get(), by.get()));
    }
    /// Scales one column in place.
    result<void> scale_column(std::uint32_t index, const nsw_scale &by) noexcept {
        return result<void>(nsw_dataset_scale_column(get(), index, &by));
    }

    /// Writes FANN's training data; returns its length. See nsw_dataset_save_fann.
    result<std::size_t> save_fann(span<std::uint8_t> text) const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_dataset_save_fann(get(), text.data(), text.size(), len);
        });
    }
    /// Writes CSV; returns its length. See nsw_dataset_save_csv.
    result<std::size_t> save_csv(span<std::uint8_t> text, char delimiter = ',') const noexcept {
        return length_of([&](std::size_t *len) {
            return nsw_dataset_save_csv(get(), static_cast<unsigned char>(delimiter), text.data(),
                                        text.size(), len);
        });
    }
};

} // namespace NSW_HPP_SPAN
} // namespace NSW_HPP_ON_ERROR
} // namespace nsw

#endif // NEURAL_SWARM_DATASET_HPP
