//! Training.

use core::ops::ControlFlow;

use super::handle::{self, Object, call_mut, call_ref, with_mut};
use super::net::{nsw_net, with_net};
use super::parallel::CParallel;
use super::port::nsw_allocator;
use super::slices::{Output, bytes_of, input, put, tell};
use super::status::nsw_status;
use super::structs::{self, check_pointer};
use super::trainer_config::{
    nsw_data, nsw_progress, nsw_train_params, nsw_train_report, nsw_trainer_config, read_data,
    with_config,
};
use crate::nn::{Net, Progress, TrainParams, Trainer};

/// A training in progress: the algorithm's memory between updates.
///
/// Made for one shape of network and meant for one network: what it remembers
/// belongs to the weights that it trained. The same seeds, data and kernels
/// give the same weights bit for bit. One thread at a time.
pub struct nsw_trainer {
    _opaque: [u8; 0],
}

impl Object for Trainer<'static> {
    type C = nsw_trainer;
    const MAGIC: u32 = u32::from_le_bytes(*b"nswT");
}

/// The memory that a trainer of this configuration takes: the one block that
/// nsw_trainer_create asks for, in bytes.
///
/// Errors: NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE, those of a bad handle for the
/// network, NSW_ERR_INVALID for a setting outside its range, NSW_ERR_NN_LOSS
/// for a loss that does not go with the output layer, NSW_ERR_UNSUPPORTED for
/// threshold units, which have no slope to train by, and for what the exact
/// mode does not have, NSW_ERR_READ_ONLY for a
/// network that reads its parameters in place, NSW_ERR_OVERFLOW.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_footprint(
    config: *const nsw_trainer_config,
    size: *mut usize,
    align: *mut usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::footprint::<Trainer<'static>>(size, align, || {
            with_config(config, Trainer::footprint)
        })
    }
}

/// Makes a trainer in one block of `memory` (NULL: the system's heap). The
/// caller owns `*trainer` and ends it with nsw_trainer_destroy.
///
/// Errors: those of nsw_trainer_footprint, and NSW_ERR_NO_ALLOCATOR,
/// NSW_ERR_OUT_OF_MEMORY, NSW_ERR_ALLOCATOR. `*trainer` is NULL then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_create(
    config: *const nsw_trainer_config,
    memory: *const nsw_allocator,
    trainer: *mut *mut nsw_trainer,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        handle::create::<Trainer<'static>>(
            memory,
            trainer,
            || with_config(config, Trainer::footprint),
            |piece| with_config(config, |config, net| Trainer::in_piece(config, net, piece)),
        )
    }
}

/// Destroys a trainer and gives its block back; the network stays. NULL is
/// fine, and so is an already destroyed one whose memory can still be read.
/// Inside a hook of a call on the trainer it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_destroy(trainer: *mut nsw_trainer) {
    // SAFETY: NULL or a trainer, by the documentation above.
    unsafe { handle::destroy::<Trainer<'static>>(trainer) };
}

/// Changes the learning rate that the schedule's factor multiplies, from one
/// epoch to the next for example.
///
/// Errors: those of a bad handle, NSW_ERR_INVALID unless it is finite and above
/// 0, NSW_ERR_UNSUPPORTED for the RPROP family, which has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_set_learning_rate(
    trainer: *mut nsw_trainer,
    learning_rate: f32,
) -> nsw_status {
    // SAFETY: NULL or a trainer, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| trainer.set_learning_rate(learning_rate))
    }
}

/// Trains the network on samples until `params` says stop. Fills `*report`
/// (NSW_TRAIN_REPORT_INIT), which may be NULL. With a validation set and
/// `keep_best` the network has the weights of the smallest validation loss in
/// the end, also after an error.
///
/// Errors: those of a bad handle for both, NSW_ERR_NULL, NSW_ERR_STRUCT_SIZE,
/// NSW_ERR_INVALID for parameters outside their range, targets outside 0..1
/// with cross-entropy, or weights below 0 or all 0, NSW_ERR_LENGTH for no
/// samples or no whole rows, NSW_ERR_NN_NOT_FINITE for NaN or infinity in the
/// data, NSW_ERR_NN_MISMATCH for a network of another shape, NSW_ERR_READ_ONLY,
/// NSW_ERR_UNSUPPORTED for sample weights in exact mode or threads in a build
/// without std, NSW_ERR_HOOK for a pool that leaves work undone, NSW_ERR_BUSY,
/// and NSW_ERR_NN_DIVERGED when loss, gradient or a weight would stop being
/// finite: the network then keeps finite weights, of the update before or
/// partly of this one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_train(
    trainer: *mut nsw_trainer,
    net: *mut nsw_net,
    data: *const nsw_data,
    params: *const nsw_train_params,
    report: *mut nsw_train_report,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| {
            let data = read_data(data)?;
            let params = structs::read(params)?;
            let validation = match params.validation.is_null() {
                true => None,
                false => Some(read_data(params.validation)?),
            };
            let parallel = CParallel::new(params.parallel)?;
            if !report.is_null() {
                // Refused before the work, not after.
                structs::write(report, &nsw_train_report::NOTHING)?;
            }
            let mut hook = |progress: &Progress| ask(&params, progress);
            let done = with_mut::<Net<'static>, _>(net, |net| {
                let params = TrainParams {
                    max_epochs: params.max_epochs,
                    target_loss: params.target_loss,
                    target_bit_fail: (params.stop_at_bit_fail != 0)
                        .then_some(params.target_bit_fail),
                    validation,
                    patience: params.patience,
                    min_delta: params.min_delta,
                    progress: Some(&mut hook),
                    parallel: parallel.as_dyn(),
                };
                trainer.train(net, data, params)
            })?;
            if report.is_null() { Ok(()) } else { structs::write(report, &done.into()) }
        })
    }
}

/// Asks the caller's hook whether to stop.
fn ask(params: &nsw_train_params, progress: &Progress) -> ControlFlow<()> {
    let Some(hook) = params.progress else { return ControlFlow::Continue(()) };
    // SAFETY: the hook's own documentation.
    match unsafe { hook(params.ctx, &nsw_progress::from(*progress)) } {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}

/// Trains one epoch, every sample once. Writes its mean loss, each sample taken
/// before the update that it had a part in, to `*loss`, which may be NULL.
///
/// Errors: those of nsw_trainer_train.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_epoch(
    trainer: *mut nsw_trainer,
    net: *mut nsw_net,
    data: *const nsw_data,
    loss: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| {
            let data = read_data(data)?;
            if !loss.is_null() {
                check_pointer(loss)?;
            }
            tell(loss, with_mut::<Net<'static>, _>(net, |net| trainer.epoch(net, data))?)
        })
    }
}

/// Writes the mean loss over samples to `*loss`, without training.
///
/// Errors: those of nsw_trainer_train but NSW_ERR_READ_ONLY and
/// NSW_ERR_NN_DIVERGED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_loss(
    trainer: *mut nsw_trainer,
    net: *const nsw_net,
    data: *const nsw_data,
    loss: *mut f32,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| {
            let data = read_data(data)?;
            check_pointer(loss)?;
            put(loss, with_net(net, |net| trainer.loss(net, data))?)
        })
    }
}

/// Writes the mean loss over samples to `*loss` and how many outputs differ by
/// the bit fail limit or more to `*bit_fail`, without training. Each of the two
/// may be NULL.
///
/// Errors: those of nsw_trainer_loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_test(
    trainer: *mut nsw_trainer,
    net: *const nsw_net,
    data: *const nsw_data,
    loss: *mut f32,
    bit_fail: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| {
            let data = read_data(data)?;
            let found = with_net(net, |net| trainer.test(net, data))?;
            tell(loss, found.0)?;
            tell(bit_fail, found.1)
        })
    }
}

/// Writes how many epochs the trainer has done in its life, those before
/// nsw_trainer_load_state included, to `*epochs`.
///
/// Errors: those of a bad handle, NSW_ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_epochs(
    trainer: *const nsw_trainer,
    epochs: *mut u64,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe { call_ref::<Trainer<'static>>(trainer, |trainer| put(epochs, trainer.epochs())) }
}

/// Writes what the trainer remembers: at most `cap` bytes to `buf`, the length
/// to `*len` (which may be NULL). With `buf` NULL and `cap` 0 it only tells the
/// length, and answers NSW_ERR_BUFFER_TOO_SMALL. With the network
/// (nsw_net_save) it is all that a training needs to go on later or elsewhere
/// as if it had not been interrupted.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_OVERFLOW for more than
/// 4 GiB, NSW_ERR_BUFFER_TOO_SMALL: `*len` is what is needed, and nothing is
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_save_state(
    trainer: *const nsw_trainer,
    buf: *mut u8,
    cap: usize,
    len: *mut usize,
) -> nsw_status {
    let output = Output { pointer: buf, capacity: cap, len };
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_ref::<Trainer<'static>>(trainer, |trainer| {
            let state = output.take(trainer.state_len()?, &bytes_of::<u8>(&[]))?;
            trainer.save_state(state).map(|_| ())
        })
    }
}

/// Makes the trainer go on where the one stood whose state of `state_len` bytes
/// this is (nsw_trainer_save_state): made with the same configuration for a
/// network of the same shape, which has the same weights now.
///
/// Errors: those of a bad handle, NSW_ERR_NULL, NSW_ERR_NN_MISMATCH for the
/// state of another algorithm or shape, NSW_ERR_MODEL_ codes. The trainer is as
/// before then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nsw_trainer_load_state(
    trainer: *mut nsw_trainer,
    state: *const u8,
    state_len: usize,
) -> nsw_status {
    // SAFETY: NULL or what it should be, by the documentation above.
    unsafe {
        call_mut::<Trainer<'static>>(trainer, |trainer| {
            trainer.load_state(input(state, state_len)?)
        })
    }
}
