//! For the test image alone: the kernels of the DSP extension beside the
//! portable ones, on the processor itself.

use neural_swarm::nn::Rounding;
use neural_swarm::nn::kernel::{Kernel, Requantize, dense_i8, dense_i16, dense_i16x8};

const MOST_UNITS: usize = 20;
const MOST_INPUTS: usize = 100;
const WEIGHTS: usize = MOST_UNITS * MOST_INPUTS + 3;

/// Marsaglia's xorshift generator.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    fn bytes(&mut self, to: &mut [i8]) {
        let extreme = self.next() & 3 == 0;
        for byte in to {
            let bits = self.next();
            *byte = if extreme { [-128, -127, 127][bits as usize % 3] } else { (bits >> 8) as i8 };
        }
    }
}

/// Runs `rounds` random layers on both kernels; returns the number of the
/// first round whose outputs differ, counted from 1, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn nsw_kernel_test_compare(rounds: u32) -> u32 {
    let mut random = Random(0x9e37_79b9);
    (1..=rounds).find(|_| !same(&mut random)).unwrap_or(0)
}

fn same(random: &mut Random) -> bool {
    if random.next() & 1 == 0 { same_i8(random) } else { same_i16(random) }
}

/// A layer of int16 values with weights of either kind.
fn same_i16(random: &mut Random) -> bool {
    const INPUTS: usize = 50;
    const UNITS: usize = 9;
    const WEIGHTS: usize = UNITS * INPUTS + 3;
    let (mut x, mut w, mut wide) = ([0i16; INPUTS + 3], [0; WEIGHTS], [0i16; WEIGHTS]);
    let (mut biases, mut factors) = ([0i64; UNITS], [0; UNITS]);
    let (mut shifts, mut outputs) = ([0; UNITS], [[[0; UNITS]; 2]; 2]);
    let (inputs, units) = (1 + random.below(INPUTS), 1 + random.below(UNITS));
    random.bytes(&mut w);
    let extreme = random.next() & 3 == 0;
    for x in &mut x {
        let bits = random.next();
        *x = if extreme { [-32_768, 32_767][bits as usize & 1] } else { (bits >> 8) as i16 };
    }
    for (wide, narrow) in wide.iter_mut().zip(&w) {
        // -32,768 is no weight.
        *wide = (i16::from(*narrow) << 8 | (random.next() as i16 & 255)).max(-32_767);
    }
    let wild = random.next() & 1 == 0;
    for unit in 0..units {
        let bits = u64::from(random.next()) << 32 | u64::from(random.next());
        biases[unit] = bits as i64 >> if wild { 16 } else { 30 };
        factors[unit] = (random.next() >> 2) as i32 | 1 << 30;
        shifts[unit] = if wild { random.below(46) as i8 - 31 } else { -8 - random.below(12) as i8 };
    }
    let how = Requantize {
        factors: &factors[..units],
        shifts: &shifts[..units],
        zero_point: 0,
        clamp: (-32_768, 32_767),
        rounding: Rounding::Single,
    };
    // At any alignment.
    let x = &x[random.below(4)..][..inputs];
    let w = &w[random.below(4)..][..inputs * units];
    let wide = &wide[random.below(4)..][..inputs * units];
    let mut ran = true;
    for (kernel, [a, b]) in [Kernel::Dsp, Kernel::Portable].into_iter().zip(&mut outputs) {
        ran &= dense_i16x8(kernel, x, w, &biases[..units], &how, &mut a[..units]).is_ok();
        ran &= dense_i16(kernel, x, wide, &biases[..units], &how, &mut b[..units]).is_ok();
    }
    ran && outputs[0] == outputs[1]
}

fn same_i8(random: &mut Random) -> bool {
    let (mut x, mut w) = ([0; MOST_INPUTS + 3], [0; WEIGHTS]);
    let (mut biases, mut factors) = ([0; MOST_UNITS], [0; MOST_UNITS]);
    let (mut shifts, mut outputs) = ([0; MOST_UNITS], [[0; MOST_UNITS]; 2]);
    let (inputs, units) = (1 + random.below(MOST_INPUTS), 1 + random.below(MOST_UNITS));
    random.bytes(&mut x);
    random.bytes(&mut w);
    let wild = random.next() & 1 == 0;
    for unit in 0..units {
        biases[unit] = random.next() as i32 >> if wild { 0 } else { 14 };
        factors[unit] = (random.next() >> 2) as i32 | 1 << 30;
        shifts[unit] = if wild { random.below(62) as i8 - 31 } else { -6 - random.below(8) as i8 };
    }
    let how = Requantize {
        factors: &factors[..units],
        shifts: &shifts[..units],
        zero_point: random.below(256) as i16 - 128,
        clamp: (-128, 127 - random.below(100) as i16),
        rounding: if random.next() & 1 == 0 { Rounding::Single } else { Rounding::Double },
    };
    // At any alignment.
    let x = &x[random.below(4)..][..inputs];
    let w = &w[random.below(4)..][..inputs * units];
    let [a, b] = &mut outputs;
    let kernels = [Kernel::Dsp, Kernel::Portable].into_iter().zip([&mut *a, &mut *b]);
    let mut ran = true;
    for (kernel, y) in kernels {
        ran &= dense_i8(kernel, x, w, &biases[..units], &how, &mut y[..units]).is_ok();
    }
    ran && a == b
}

/// One sample through a layer of 784 inputs and 128 units, on a kernel by its
/// number. Returns whether it ran.
///
/// # Safety
/// The pointers must be of arrays of 784, 128 * 784 and 128 bytes, the last one
/// writable and nobody else's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_kernel_test_dense(
    kernel: u32,
    x: *const [i8; 784],
    w: *const [i8; 784 * 128],
    y: *mut [i8; 128],
) -> bool {
    // SAFETY: as this function's.
    let (x, w, y) = unsafe { (&*x, &*w, &mut *y) };
    let how = Requantize {
        factors: &[0x5a82_799a; 128],
        shifts: &[-9; 128],
        zero_point: -5,
        clamp: (-128, 127),
        rounding: Rounding::Single,
    };
    let kernel = Kernel::from_code(kernel);
    kernel.is_some_and(|kernel| dense_i8(kernel, x, w, &[77; 128], &how, y).is_ok())
}
