// Samples by way of the C++ wrapper.

#include <cstring>
#include <vector>

#include "neural_swarm.hpp"
#include "support.h"

namespace {

std::vector<std::uint8_t> bytes_of(const char *text) { return {text, text + std::strlen(text)}; }

void datasets() {
    nsw::dataset own = nsw::dataset::create(nsw::dataset_config(2, 1, 8)).value();
    CHECK(own.append(XOR_DATA).ok() && own.shuffle(5).ok());
    CHECK(own.describe()->samples == 4 && own.describe()->capacity == 8);
    CHECK(nsw::dataset::view_footprint(XOR_DATA, 2, 1)->size > 0);
    nsw::dataset view = nsw::dataset::view(XOR_DATA, 2, 1).value();
    CHECK_STATUS(view.shuffle(1).status(), NSW_ERR_READ_ONLY);
    CHECK(view.subset(1, 2)->inputs == XOR_INPUTS + 2);
    const nsw::data_split parts = view.split(3).value();
    CHECK(parts.first.targets_len == 3 && parts.rest.targets_len == 1);
    CHECK(own.copy_footprint()->size < own.merge_footprint(view)->size);
    CHECK(own.merge(view)->describe()->samples == 8);
    nsw::dataset copy = view.copy().value();

    const nsw_layer layers[] = {NSW_LAYER(3, NSW_ACTIVATION_TANH),
                                NSW_LAYER(1, NSW_ACTIVATION_LINEAR)};
    nsw::net_config config(2, layers);
    config.scaling = 1;
    nsw::net net = nsw::net::create(config).value();
    CHECK(copy.fit_scales(net, nsw::fit::range(-1.0f, 1.0f)).ok());
    CHECK(copy.fit_scales(net, nsw::fit::standard(), nsw::fit::spread(0.0f, 1.0f)).ok());
    CHECK(copy.scale(net).ok() && copy.data()->inputs[0] == -1.0f && copy.unscale(net).ok());
    CHECK(copy.column(1)->max == 1.0f);
    CHECK(copy.scale_column(1, copy.fit(1, nsw::fit::range(0.0f, 4.0f)).value()).ok());
    CHECK(copy.column(1)->max == 4.0f);

    std::vector<std::uint8_t> text(256);
    text.resize(view.save_fann(text).value());
    CHECK(nsw::dataset::load_fann_footprint(text)->size > 0);
    CHECK(nsw::dataset::load_fann(text)->data()->inputs[2] == 0.0f);
    text.resize(256);
    text.resize(view.save_csv(text, ';').value());
    nsw::csv_config csv;
    csv.set_delimiter(';').set_header();
    CHECK(nsw::dataset::load_csv_footprint(text, csv)->size > 0);
    CHECK(nsw::dataset::load_csv(text, csv)->describe()->samples == 3);
    const std::uint32_t inputs[] = {1}, targets[] = {0};
    const std::vector<std::uint8_t> names = bytes_of("cat,dog"), animals = bytes_of("dog,2.5");
    nsw::csv_config labels;
    labels.set_inputs(inputs).set_targets(targets).set_class_names(names);
    nsw::dataset labelled = nsw::dataset::load_csv(animals, labels).value();
    CHECK(labelled.data()->inputs[0] == 2.5f && labelled.data()->targets[1] == 1.0f);
    const std::uint8_t images[] = {0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255};
    const std::uint8_t digits[] = {0, 0, 8, 1, 0, 0, 0, 1, 1};
    const nsw::idx_config mnist(1.0f / 255.0f, 2);
    CHECK(nsw::dataset::load_idx_footprint(images, digits, mnist)->size > 0);
    CHECK(nsw::dataset::load_idx(images, digits, mnist)->data()->inputs[1] == 1.0f);
    CHECK_STATUS(nsw::dataset::load_idx(digits, images, mnist).status(), NSW_ERR_DATA_LENGTH);
}

} // namespace

int main() {
    datasets();
    return check_report("hpp_dataset");
}
