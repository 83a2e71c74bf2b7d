//! Matrix products: n rows of n times n by n.

use std::hint::black_box;

use serde_json::json;

use crate::bench::{Bench, Match};
use crate::measure::{Contestant, Outcome};
use crate::ours::{Packed, Product};
use crate::report::{Row, Section, Unit};
use crate::spec::Random;

pub fn section(bench: &Bench) -> Outcome<Section> {
    let core = bench.blas.as_ref().map_or("none", |blas| &blas.core);
    let mut section = Section {
        title: "Matrix products",
        text: format!(
            "Square matrices, G operations a second (a multiplication and an addition are two), \
             by nn::kernel's functions. OpenBLAS (kernels: {core}) and the crates are called \
             directly, onnxruntime's MatMulInteger (u8 times s8) from Python. The int8 matrices on \
             the right are constant: packed beforehand by both."
        ),
        ..Section::default()
    };
    for n in [128, 256, 512, 1024] {
        let work = format!("gemm f32 {n}");
        if bench.wants(&work) {
            section.rows.push(float(bench, work, n)?);
        }
    }
    for n in [256, 512, 1024] {
        let work = format!("gemm int8 {n}");
        if bench.wants(&work) {
            section.rows.push(int8(bench, work, n)?);
        }
    }
    Ok(section)
}

fn operations(n: usize) -> Unit {
    Unit::Operations(2.0 * (n as f64).powi(3))
}

fn matrix(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..n * n).map(|_| random.between(-1.0, 1.0)).collect()
}

fn by_gemm(n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    assert!(a.len() == n * n && b.len() == n * n && c.len() == n * n);
    let (one, row) = (1, n as isize);
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    let alone = gemm::Parallelism::None;
    // SAFETY: the matrices have the size that they are said to have.
    unsafe {
        gemm::gemm(
            n, n, n, c, one, row, false, a, one, row, b, one, row, 0.0f32, 1.0f32, false, false,
            false, alone,
        );
    }
}

fn by_matrixmultiply(n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    assert!(a.len() == n * n && b.len() == n * n && c.len() == n * n);
    let (one, row) = (1, n as isize);
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    // SAFETY: the matrices have the size that they are said to have.
    unsafe { matrixmultiply::sgemm(n, n, n, 1.0, a, row, one, b, row, one, 0.0, c, row, one) };
}

fn float(bench: &Bench, work: String, n: usize) -> Outcome<Row> {
    let (a, b) = (matrix(n, 1), matrix(n, 2));
    let mut product = Product::new(n)?;
    let mut results = vec![vec![0.0; n * n]; 4];
    product.run(&a, &b, &mut results[0]);
    by_gemm(n, &a, &b, &mut results[1]);
    by_matrixmultiply(n, &a, &b, &mut results[2]);
    let far =
        |x: &[f32], y: &[f32]| x.iter().zip(y).fold(0f32, |most, (x, y)| most.max((x - y).abs()));
    let most = far(&results[0], &results[1]).max(far(&results[0], &results[2]));
    let (a, b) = (&a[..], &b[..]);
    let mut results = results.into_iter();
    let mut buffer = || results.next().unwrap_or_else(|| vec![0.0; n * n]);
    let mut c = buffer();
    let call = move || product.run(black_box(a), black_box(b), black_box(&mut c));
    let ours = Contestant::calls("ours", call);
    let mut peers = Vec::new();
    if let Some(blas) = &bench.blas {
        let mut c = buffer();
        let call = move || blas.multiply(n, black_box(a), black_box(b), black_box(&mut c));
        peers.push((Contestant::calls("OpenBLAS", call), true));
    }
    let mut c = buffer();
    let call = move || by_gemm(n, black_box(a), black_box(b), black_box(&mut c));
    peers.push((Contestant::calls("gemm", call), true));
    let mut c = buffer();
    let call = move || by_matrixmultiply(n, black_box(a), black_box(b), black_box(&mut c));
    peers.push((Contestant::calls("matrixmultiply", call), true));
    let found = Match { work, unit: operations(n), floor: Some(0.95), ours, peers };
    let mut row = bench.measure(found)?;
    row.same = most < 1e-3;
    row.note = format!("results differ by at most {most:.0e}");
    Ok(row)
}

fn int8(bench: &Bench, work: String, n: usize) -> Outcome<Row> {
    let mut random = Random::new(3);
    let mut byte = || random.between(-128.0, 128.0) as i8;
    let weights: Vec<i8> = (0..n * n).map(|_| byte()).collect();
    let packed = Packed::new(n, &weights)?;
    let x: Vec<u8> = (0..n * n).map(|_| byte() as u8).collect();
    let mut y = vec![0; n * n];
    let mut peers = Vec::new();
    let mut alike = None;
    if let Some(python) = &bench.python {
        let name = format!("gemm{n}");
        packed.run(&x, &mut y);
        alike = Some(hand_over(bench, &name, (&x, &weights), &y)?);
        peers.push((python.contestant("onnxruntime", name), true));
    }
    let ours = Contestant::calls("ours", || packed.run(black_box(&x), black_box(&mut y)));
    let found = Match { work, unit: operations(n), floor: Some(1.0), ours, peers };
    let mut row = bench.measure(found)?;
    if let Some(alike) = alike {
        row.same = alike;
        row.note = if alike { "the same integers" } else { "OTHER INTEGERS" }.into();
    }
    Ok(row)
}

/// Has Python make the same product; returns whether its integers are ours.
fn hand_over(bench: &Bench, name: &str, (x, w): (&[u8], &[i8]), y: &[i32]) -> Outcome<bool> {
    let python = bench.python.as_ref().ok_or("no Python")?;
    let folder = bench.peers.join("run");
    std::fs::create_dir_all(&folder)?;
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    std::fs::write(file("u8"), x)?;
    std::fs::write(file("i8"), w.iter().map(|w| *w as u8).collect::<Vec<_>>())?;
    let path = |end: &str| file(end).to_string_lossy().into_owned();
    python.ask(&json!({
        "do": "gemm", "name": name, "a": path("u8"), "b": path("i8"), "product": path("i32"),
    }))?;
    let product = std::fs::read(file("i32"))?;
    Ok(y.iter().flat_map(|sum| sum.to_le_bytes()).eq(product))
}
