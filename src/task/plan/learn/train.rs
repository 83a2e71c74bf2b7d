//! Decisions from plans, and a network that is trained on them.

use alloc::vec;
use alloc::vec::Vec;

use super::super::verify::Verifier;
use super::super::{Model, Plan};
use super::{LearnedOrder, decision_features};
use crate::error::{Error, Result};
use crate::nn::{
    Activation, Adam, Algorithm, Data, Layer, Loss, Net, NetConfig, Trainer, TrainerConfig,
};
use crate::port::Heap;

/// How an order of methods is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnConfig {
    /// Units of the network's one hidden layer, at least 1.
    pub hidden: usize,
    /// How often each decision is seen, at least 1.
    pub epochs: u32,
    /// AdamW's rate, above 0.
    pub rate: f32,
    /// AdamW's decay of weights, 0 or above.
    pub decay: f32,
    /// Where weights and the order of decisions come from. Same decisions, same seed: the same network.
    pub seed: u64,
}

impl Default for LearnConfig {
    fn default() -> Self {
        LearnConfig { hidden: 32, epochs: 40, rate: 0.003, decay: 0.01, seed: 1 }
    }
}

/// Decisions of plans: which method was right in which state.
#[derive(Clone, Debug)]
pub struct MethodSamples {
    width: usize,
    methods: usize,
    /// The features that are 1, of one decision after the other, and where each one's end.
    marks: Vec<u32>,
    ends: Vec<usize>,
    /// The method of each.
    chosen: Vec<u16>,
}

impl MethodSamples {
    /// None yet, for the domain that `model` is a problem of, with so many features each: 256, say.
    pub fn new(model: &Model<'_>, width: usize) -> MethodSamples {
        let methods = model.methods();
        MethodSamples { width, methods, marks: Vec::new(), ends: Vec::new(), chosen: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.chosen.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    /// Adds the decisions of a plan: all tasks that more than one method is for. For each, the facts about its
    /// arguments are gone through, and those about objects in these.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] for a problem with another number of methods, [`Error::TaskPlan`] for a plan
    /// that is wrong, [`Error::Capacity`] for one that leaves too much open; [`Error::OutOfMemory`], and
    /// [`Error::Overflow`] for more than this machine has. Nothing is added then.
    pub fn add(&mut self, model: &Model<'_>, plan: &Plan<'_>) -> Result<()> {
        if model.methods() != self.methods {
            return Err(Error::TaskDomain);
        }
        let mut row = vec![0.0; self.width];
        let before = (self.marks.len(), self.chosen.len());
        let verdict = Verifier::of_any_size(plan, |verifier| {
            self.cut(before);
            verifier.replay(model, plan, &mut |decision| {
                if model.methods_of(decision.task).len() < 2 {
                    return;
                }
                decision_features(decision.state, decision.task, decision.args, &mut row);
                let ones = row.iter().enumerate().filter(|(_, mark)| **mark != 0.0);
                self.marks.extend(ones.map(|(place, _)| place as u32));
                self.ends.push(self.marks.len());
                self.chosen.push(decision.method.0);
            })
        });
        let done = verdict.and_then(|verdict| verdict.map_err(|refusal| refusal.error()));
        if done.is_err() {
            self.cut(before);
        }
        done
    }

    /// Forgets what came after so many marks and decisions.
    fn cut(&mut self, (marks, decisions): (usize, usize)) {
        self.marks.truncate(marks);
        self.ends.truncate(decisions);
        self.chosen.truncate(decisions);
    }

    /// Takes over the decisions of another list.
    ///
    /// # Errors
    /// [`Error::TaskDomain`] if it is for another number of methods, [`Error::Length`] if it has another
    /// number of features.
    pub fn append(&mut self, other: MethodSamples) -> Result<()> {
        if self.methods != other.methods {
            return Err(Error::TaskDomain);
        }
        if self.width != other.width {
            return Err(Error::Length);
        }
        let before = self.marks.len();
        self.marks.extend(other.marks);
        self.ends.extend(other.ends.iter().map(|end| before + end));
        self.chosen.extend(other.chosen);
        Ok(())
    }

    /// All decisions as rows of inputs and targets.
    fn rows(&self) -> (Vec<f32>, Vec<f32>) {
        let mut inputs = vec![0.0; self.len() * self.width];
        let mut targets = vec![0.0; self.len() * self.methods];
        let mut from = 0;
        for (nth, (end, method)) in self.ends.iter().zip(&self.chosen).enumerate() {
            for mark in &self.marks[from..*end] {
                inputs[nth * self.width + *mark as usize] = 1.0;
            }
            targets[nth * self.methods + usize::from(*method)] = 1.0;
            from = *end;
        }
        (inputs, targets)
    }
}

impl LearnedOrder<'_> {
    /// Trains a network on decisions, by cross-entropy over all methods of the domain. Takes memory for all
    /// decisions as rows of features.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration outside its ranges, [`Error::Length`] where there is no decision
    /// to learn from.
    pub fn train(config: &LearnConfig, samples: &MethodSamples) -> Result<Net<'static>> {
        if samples.is_empty() {
            return Err(Error::Length);
        }
        if config.epochs == 0 || config.hidden == 0 {
            return Err(Error::Invalid);
        }
        let layers = [
            Layer::new(config.hidden, Activation::Tanh),
            Layer::new(samples.methods, Activation::Softmax),
        ];
        let mut net = Net::new(&NetConfig::new(samples.width, &layers).seed(config.seed), Heap)?;
        let adam = Adam { learning_rate: config.rate, ..Adam::PAPER };
        let trainer = TrainerConfig {
            algorithm: Algorithm::AdamW(adam),
            loss: Loss::CrossEntropy,
            weight_decay: config.decay,
            seed: config.seed,
            ..TrainerConfig::default()
        };
        let mut trainer = Trainer::new(&trainer, &net, Heap)?;
        let (inputs, targets) = samples.rows();
        for _ in 0..config.epochs {
            trainer.epoch(&mut net, Data::new(&inputs, &targets))?;
        }
        Ok(net)
    }
}
