//! What libfann's training algorithms do to one weight.

/// Weights stay within this.
const MOST: f32 = 1500.0;

/// iRPROP- as libfann has it: a change of the slope's sign shrinks the step and
/// counts as no slope, and the step is made all the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rprop {
    pub increase: f32,
    pub decrease: f32,
    pub min: f32,
    pub max: f32,
}

impl Rprop {
    #[inline(always)]
    pub(super) fn update(&self, slope: f32, last: &mut f32, step: &mut f32, w: &mut f32) {
        let old = if *step > 0.0001 { *step } else { 0.0001 };
        let (grown, shrunk) = (old * self.increase, old * self.decrease);
        let grown = if grown < self.max { grown } else { self.max };
        let shrunk = if shrunk > self.min { shrunk } else { self.min };
        let same = *last * slope >= 0.0;
        let next = if same { grown } else { shrunk };
        let slope = if same { slope } else { 0.0 };
        let (down, up) = (*w - next, *w + next);
        let down = if down < -MOST { -MOST } else { down };
        let up = if up > MOST { MOST } else { up };
        *w = if slope < 0.0 { down } else { up };
        *step = next;
        *last = slope;
    }
}

/// Fahlman's Quickprop as libfann has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quickprop {
    /// The learning rate by the number of samples.
    pub rate: f32,
    pub decay: f32,
    pub mu: f32,
    /// `mu / (1 + mu)`, rounded from double.
    pub shrink: f32,
}

impl Quickprop {
    #[inline(always)]
    pub(super) fn update(&self, slope: f32, last: &mut f32, step: &mut f32, w: &mut f32) {
        let slope = slope + self.decay * *w;
        // FANN compares with 0.001 as a double, which lies just below this.
        let forwards = *step >= 0.001;
        let backwards = *step <= -0.001;
        let linear = 0.0 + self.rate * slope;
        let onwards = if forwards { slope > 0.0 } else { slope < 0.0 };
        let limit = self.shrink * *last;
        let far = if forwards { slope > limit } else { slope < limit };
        let start = if onwards { linear } else { 0.0 };
        let jump = if far { self.mu * *step } else { *step * slope / (*last - slope) };
        let next = if forwards || backwards { start + jump } else { linear };
        let moved = *w + next;
        let moved = if moved < -MOST { -MOST } else { moved };
        *w = if moved > MOST { MOST } else { moved };
        *step = next;
        *last = slope;
    }
}
