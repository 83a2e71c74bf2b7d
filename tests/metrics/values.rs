//! Recording, and the text.

use neural_swarm::Error;
use neural_swarm::node::metrics::{
    Buckets, CONTENT_TYPE, Counter, Gauge, Histogram, MOST_METRICS, MOST_SERIES, Metric, Metrics,
    Unit, Values,
};
use neural_swarm::port::{Arena, Heap};

const FEW: Buckets = Buckets { from: 10, octaves: 2 };

pub const TABLE: &[Metric] = &[
    Metric::counter("nsw_frames", "Frames by what became of them.")
        .label("fate", &["taken", "re\"fused\"", "a\\b\nc"]),
    Metric::gauge("nsw_members", "Who is \"alive\":\nC:\\ and all."),
    Metric::gauge("nsw_offset_seconds", "What the clock is off.").unit(Unit::Microseconds),
    Metric::histogram("nsw_answer_seconds", "How long answers took.", FEW)
        .unit(Unit::Microseconds)
        .label("to", &["one", "two"]),
    Metric::histogram("nsw_frame_bytes", "How long frames are.", Buckets { from: 6, octaves: 1 })
        .unit(Unit::Bytes),
    Metric::counter("nsw_busy_seconds", "Time spent.").unit(Unit::Microseconds),
    Metric::gauge("nsw_heat_celsius", "How hot it is.").unit(Unit::Named("celsius")),
];

pub const TAKEN: Counter = Counter::of(TABLE, 0, 0).unwrap();
pub const REFUSED: Counter = Counter::of(TABLE, 0, 1).unwrap();
pub const OTHER: Counter = Counter::of(TABLE, 0, 2).unwrap();
pub const MEMBERS: Gauge = Gauge::of(TABLE, 1, 0).unwrap();
pub const OFFSET: Gauge = Gauge::of(TABLE, 2, 0).unwrap();
pub const TO_TWO: Histogram = Histogram::of(TABLE, 3, 1).unwrap();
pub const BYTES: Histogram = Histogram::of(TABLE, 4, 0).unwrap();
pub const BUSY: Counter = Counter::of(TABLE, 5, 0).unwrap();
pub const HEAT: Gauge = Gauge::of(TABLE, 6, 0).unwrap();

/// Something at each place.
pub fn filled() -> Metrics<'static> {
    let mut metrics = Metrics::new(TABLE, Heap).unwrap();
    metrics.add(TAKEN, 40);
    metrics.add(TAKEN, 2);
    metrics.set_total(REFUSED, 7);
    metrics.add(OTHER, u64::MAX);
    metrics.set(MEMBERS, 5);
    metrics.change(MEMBERS, -6);
    metrics.set(OFFSET, -1_250);
    for us in [0, 1024, 1025, 1536, 2048, 4096, 5000] {
        metrics.record(TO_TWO, us);
    }
    metrics.record(BYTES, 100);
    metrics.add(BUSY, 2_000_000);
    metrics.set(HEAT, i64::MIN);
    metrics
}

pub fn text(metrics: &Metrics<'_>) -> String {
    let mut text = vec![0; metrics.values().open_metrics_len()];
    assert_eq!(metrics.values().open_metrics(&mut text), Ok(text.len()));
    String::from_utf8(text).unwrap()
}

#[test]
fn the_text_is_open_metrics() {
    let expected = r##"# TYPE nsw_frames counter
# HELP nsw_frames Frames by what became of them.
nsw_frames_total{fate="taken"} 42
nsw_frames_total{fate="re\"fused\""} 7
nsw_frames_total{fate="a\\b\nc"} 18446744073709551615
# TYPE nsw_members gauge
# HELP nsw_members Who is \"alive\":\nC:\\ and all.
nsw_members -1
# TYPE nsw_offset_seconds gauge
# UNIT nsw_offset_seconds seconds
# HELP nsw_offset_seconds What the clock is off.
nsw_offset_seconds -0.00125
# TYPE nsw_answer_seconds histogram
# UNIT nsw_answer_seconds seconds
# HELP nsw_answer_seconds How long answers took.
nsw_answer_seconds_bucket{to="one",le="0.001024"} 0
nsw_answer_seconds_bucket{to="one",le="0.001536"} 0
nsw_answer_seconds_bucket{to="one",le="0.002048"} 0
nsw_answer_seconds_bucket{to="one",le="0.003072"} 0
nsw_answer_seconds_bucket{to="one",le="0.004096"} 0
nsw_answer_seconds_bucket{to="one",le="+Inf"} 0
nsw_answer_seconds_count{to="one"} 0
nsw_answer_seconds_sum{to="one"} 0
nsw_answer_seconds_bucket{to="two",le="0.001024"} 2
nsw_answer_seconds_bucket{to="two",le="0.001536"} 4
nsw_answer_seconds_bucket{to="two",le="0.002048"} 5
nsw_answer_seconds_bucket{to="two",le="0.003072"} 5
nsw_answer_seconds_bucket{to="two",le="0.004096"} 6
nsw_answer_seconds_bucket{to="two",le="+Inf"} 7
nsw_answer_seconds_count{to="two"} 7
nsw_answer_seconds_sum{to="two"} 0.014729
# TYPE nsw_frame_bytes histogram
# UNIT nsw_frame_bytes bytes
# HELP nsw_frame_bytes How long frames are.
nsw_frame_bytes_bucket{le="64.0"} 0
nsw_frame_bytes_bucket{le="96.0"} 0
nsw_frame_bytes_bucket{le="128.0"} 1
nsw_frame_bytes_bucket{le="+Inf"} 1
nsw_frame_bytes_count 1
nsw_frame_bytes_sum 100
# TYPE nsw_busy_seconds counter
# UNIT nsw_busy_seconds seconds
# HELP nsw_busy_seconds Time spent.
nsw_busy_seconds_total 2
# TYPE nsw_heat_celsius gauge
# UNIT nsw_heat_celsius celsius
# HELP nsw_heat_celsius How hot it is.
nsw_heat_celsius -9223372036854775808
# EOF
"##;
    assert_eq!(text(&filled()), expected);
    assert_eq!(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let nothing = Metrics::new(&[], Heap).unwrap();
    assert_eq!(text(&nothing), "# EOF\n");
}

#[test]
fn a_buffer_that_is_too_small_is_never_written_beyond() {
    let metrics = filled();
    let values = metrics.values();
    let len = values.open_metrics_len();
    for room in 0..len {
        let mut out = vec![0xAA; len];
        assert_eq!(values.open_metrics(&mut out[..room]), Err(Error::BufferTooSmall), "{room}");
        assert!(out[room..].iter().all(|byte| *byte == 0xAA), "{room}");
    }
    let mut larger = vec![0xAA; len + 9];
    assert_eq!(values.open_metrics(&mut larger), Ok(len));
    assert_eq!(larger[..len], *text(&metrics).as_bytes());
    assert_eq!(larger[len..], [0xAA; 9]);
}

/// Bounds as Go's `%g` has them, and with `.0` where that looks like an integer.
#[test]
fn bounds_are_canonical_numbers() {
    const TIMES: &[Metric] =
        &[Metric::histogram("t_seconds", "", Buckets { from: 1, octaves: 32 })
            .unit(Unit::Microseconds)];
    const SIZES: &[Metric] =
        &[Metric::histogram("s_bytes", "", Buckets { from: 1, octaves: 32 }).unit(Unit::Bytes)];
    const TALL: &[Metric] = &[Metric::histogram("tall", "", Buckets { from: 59, octaves: 4 })];
    let bounds = |table| {
        let text = text(&Metrics::new(table, Heap).unwrap());
        let bounds = text.lines().filter_map(|line| Some(line.split_once("le=\"")?.1));
        bounds.map(|rest| rest.split_once('"').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    let times = bounds(TIMES);
    for (at, bound) in [
        (0, "2e-06"),
        (1, "3e-06"),
        (4, "8e-06"),
        (5, "1.2e-05"),
        (6, "1.6e-05"),
        (11, "9.6e-05"),
        (12, "0.000128"),
        (40, "2.097152"),
        (64, "8589.934592"),
        (65, "+Inf"),
    ] {
        assert_eq!(times[at], bound, "{at}");
    }
    let sizes = bounds(SIZES);
    for (at, bound) in
        [(0, "2.0"), (1, "3.0"), (33, "196608.0"), (38, "1.048576e+06"), (64, "8.589934592e+09")]
    {
        assert_eq!(sizes[at], bound, "{at}");
    }
    assert_eq!(bounds(TALL)[8], "9.223372036854775808e+18");
    // Each is read back as the number that it stands for.
    for (i, text) in times.iter().take(65).enumerate() {
        let us = Buckets { from: 1, octaves: 32 }.bound(i).unwrap();
        assert_eq!(text.parse::<f64>().unwrap(), us as f64 / 1e6, "{text}");
    }
}

#[test]
fn numbers_of_a_unit_keep_all_their_digits() {
    const TABLE: &[Metric] =
        &[Metric::gauge("t_seconds", "").unit(Unit::Microseconds), Metric::gauge("n", "")];
    let (time, number) = (Gauge::of(TABLE, 0, 0).unwrap(), Gauge::of(TABLE, 1, 0).unwrap());
    let mut metrics = Metrics::new(TABLE, Heap).unwrap();
    for (value, as_time) in [
        (0, "0"),
        (1, "0.000001"),
        (-1, "-0.000001"),
        (999_999, "0.999999"),
        (1_000_000, "1"),
        (10_000_000, "10"),
        (-1_500_000, "-1.5"),
        (100_000_001, "100.000001"),
        (i64::MAX, "9223372036854.775807"),
        (i64::MIN, "-9223372036854.775808"),
    ] {
        metrics.set(time, value);
        metrics.set(number, value);
        let text = text(&metrics);
        assert!(text.contains(&format!("\nt_seconds {as_time}\n")), "{text}");
        assert!(text.contains(&format!("\nn {value}\n")), "{text}");
    }
}

#[test]
fn a_snapshot_is_a_copy_of_the_words() {
    let mut metrics = filled();
    let copy = metrics.values().words().to_vec();
    let before = text(&metrics);
    metrics.add(TAKEN, 1);
    assert_ne!(text(&metrics), before);
    let snapshot = Values::of(TABLE, &copy).unwrap();
    let mut out = vec![0; snapshot.open_metrics_len()];
    snapshot.open_metrics(&mut out).unwrap();
    assert_eq!(out, before.as_bytes());
    assert_eq!(snapshot.table(), TABLE);
    assert_eq!(snapshot.counter(TAKEN), 42);
    assert_eq!(metrics.values().counter(TAKEN), 43);
    assert_eq!(snapshot.gauge(MEMBERS), -1);
    assert_eq!(snapshot.histogram(TO_TWO), (&[2, 2, 1, 0, 1, 1][..], 14_729));
    assert_eq!(Values::of(TABLE, &copy[1..]).unwrap_err(), Error::Length);
    assert_eq!(Values::of(&TABLE[1..], &copy).unwrap_err(), Error::Length);
    metrics.clear();
    assert!(metrics.values().words().iter().all(|word| *word == 0));
}

#[test]
fn quantiles_are_upper_bounds() {
    let mut metrics = Metrics::new(TABLE, Heap).unwrap();
    assert_eq!(metrics.values().quantile(TO_TWO, 500), None);
    for us in [1100, 1100, 1600, 3000] {
        metrics.record(TO_TWO, us);
    }
    let values = metrics.values();
    for (thousandths, bound) in
        [(0, 1536), (500, 1536), (501, 2048), (750, 2048), (751, 3072), (1000, 3072), (5000, 3072)]
    {
        assert_eq!(values.quantile(TO_TWO, thousandths), Some(bound), "{thousandths}");
    }
    for (thousandths, bound) in [(1, 1536), (999, 3072)] {
        assert_eq!(values.quantile(TO_TWO, thousandths), Some(bound), "{thousandths}");
    }
    metrics.record(TO_TWO, 9_000);
    assert_eq!(metrics.values().quantile(TO_TWO, 1000), None);
    assert_eq!(metrics.values().quantile(TO_TWO, 800), Some(3072));
    // So many that a thousand times as many are more than there are numbers.
    const ONE: &[Metric] = &[Metric::histogram("h", "", FEW)];
    let many = [1 << 62, 1 << 62, 1 << 62, 0, 0, 0, 0];
    let (values, one) = (Values::of(ONE, &many).unwrap(), Histogram::of(ONE, 0, 0).unwrap());
    for (thousandths, bound) in [(333, 1024), (334, 1536), (666, 1536), (667, 2048)] {
        assert_eq!(values.quantile(one, thousandths), Some(bound), "{thousandths}");
    }
}

#[test]
fn sums_stay_where_they_would_overflow_and_totals_go_round() {
    let mut metrics = Metrics::new(TABLE, Heap).unwrap();
    metrics.record(TO_TWO, u64::MAX - 1);
    metrics.record(TO_TWO, 100);
    assert_eq!(metrics.values().histogram(TO_TWO), (&[1, 0, 0, 0, 0, 1][..], u64::MAX));
    metrics.add(OTHER, u64::MAX);
    metrics.add(OTHER, 3);
    assert_eq!(metrics.values().counter(OTHER), 2);
}

#[test]
fn places_are_found_by_their_kind() {
    assert_eq!(Counter::of(TABLE, 0, 3), None);
    assert_eq!(Counter::of(TABLE, 1, 0), None);
    assert_eq!(Counter::of(TABLE, 7, 0), None);
    assert_eq!(Gauge::of(TABLE, 0, 0), None);
    assert_eq!(Gauge::of(TABLE, 1, 1), None);
    assert_eq!(Histogram::of(TABLE, 2, 0), None);
    assert_eq!(Counter::of(TABLE, 3, 0), None);
    assert_eq!(Gauge::of(TABLE, usize::MAX, usize::MAX), None);
}

#[test]
fn what_is_recorded_at_places_of_a_larger_table_is_counted() {
    let mut metrics = Metrics::new(&TABLE[..1], Heap).unwrap();
    metrics.add(BUSY, 1);
    metrics.set(HEAT, 1);
    // The bucket and the sum.
    metrics.record(BYTES, 1);
    assert_eq!(metrics.strays(), 4);
    assert!(metrics.values().words().iter().all(|word| *word == 0));
    assert_eq!(metrics.values().gauge(HEAT), 0);
    assert_eq!(metrics.values().histogram(BYTES), (&[][..], 0));
    assert_eq!(metrics.values().quantile(BYTES, 500), None);
    metrics.clear();
    assert_eq!(metrics.strays(), 0);
}

#[test]
fn the_memory_is_what_was_promised() {
    let layout = Metrics::footprint(TABLE).unwrap();
    // 3 counters, 2 gauges, 2 histograms of 6 buckets and a sum, one of 4, a counter, a gauge.
    assert_eq!(layout.size(), 8 * (3 + 2 + 2 * 7 + 5 + 1 + 1));
    let mut room = vec![core::mem::MaybeUninit::uninit(); layout.size() + layout.align()];
    let arena = Arena::new(&mut room);
    assert!(Metrics::new(TABLE, &arena).is_ok());
    let mut little = vec![core::mem::MaybeUninit::uninit(); layout.size() - 1];
    let arena = Arena::new(&mut little);
    assert_eq!(Metrics::new(TABLE, &arena).err(), Some(Error::OutOfMemory));
}

#[test]
fn tables_that_would_not_be_open_metrics_are_refused() {
    const MANY: &[&str] = &[""; MOST_SERIES + 1];
    const G: Metric = Metric::gauge("g", "");
    const BAD: &[&[Metric]] = &[
        &[Metric::gauge("", "")],
        &[Metric::gauge("9lives", "")],
        &[Metric::gauge("a-b", "")],
        &[Metric::gauge("a:b", "")],
        &[Metric::gauge("größe", "")],
        &[Metric::counter("frames_total", "")],
        &[Metric::gauge("members_count", "")],
        &[Metric::gauge("x_sum", "")],
        &[Metric::gauge("x_bucket", "")],
        &[Metric::gauge("x_created", "")],
        &[Metric::gauge("x_info", "")],
        &[G, Metric::counter("c", ""), G],
        // The unit is the name's end.
        &[G.unit(Unit::Microseconds)],
        &[Metric::gauge("seconds", "").unit(Unit::Microseconds)],
        &[Metric::gauge("_seconds", "").unit(Unit::Microseconds)],
        &[Metric::gauge("xseconds", "").unit(Unit::Microseconds)],
        &[Metric::gauge("x_", "").unit(Unit::Named(""))],
        &[Metric::gauge("x_m/s", "").unit(Unit::Named("m/s"))],
        &[G.label("", &["a"])],
        &[G.label("1", &["a"])],
        &[G.label("a:b", &["a"])],
        &[G.label("__a", &["a"])],
        &[G.label("le", &["a"])],
        &[G.label("l", &[])],
        &[G.label("l", &["a", "b", "a"])],
        &[G.label("l", MANY)],
        &[Metric::histogram("h", "", Buckets { from: 0, octaves: 4 })],
        &[Metric::histogram("h", "", Buckets { from: 40, octaves: 24 })],
        &[G; MOST_METRICS + 1],
        &[Metric::gauge("_9", "a\0b")],
        &[G.label("_a9", &["a\0b"])],
    ];
    for table in BAD {
        let first = table.first();
        assert_eq!(Metrics::footprint(table), Err(Error::Invalid), "{first:?}");
        assert_eq!(Metrics::new(table, Heap).err(), Some(Error::Invalid), "{first:?}");
        assert_eq!(Values::of(table, &[]).err(), Some(Error::Invalid), "{first:?}");
    }
    const GOOD: &[&[Metric]] = &[
        &[G, Metric::gauge("G", ""), Metric::gauge("_9", "ö\r")],
        &[G.label("_a9", &["", "ö", " "])],
        &[Metric::gauge("a_b_seconds", "").unit(Unit::Microseconds)],
        &[Metric::histogram("h", "", Buckets { from: 31, octaves: 32 })],
        &[],
    ];
    for table in GOOD {
        assert!(Metrics::footprint(table).is_ok(), "{table:?}");
    }
}
