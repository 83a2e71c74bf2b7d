//! libfann through its C interface. Builds are opened side by side at run time.

use std::ffi::{CString, c_char, c_float, c_int, c_uint, c_void};
use std::fmt::Write;
use std::path::Path;

use libloading::Library;

use crate::data::Set;
use crate::measure::Outcome;
use crate::spec::{Method, Spec, Squash};

type Raw = *mut c_void;

/// The head of libfann's `struct fann_train_data`.
#[repr(C)]
struct TrainData {
    errno: c_int,
    error_log: Raw,
    error_text: *mut c_char,
    samples: c_uint,
    inputs: c_uint,
    outputs: c_uint,
    input: *mut *mut c_float,
    output: *mut *mut c_float,
}

/// libfann's `struct fann_connection`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Connection {
    from: c_uint,
    to: c_uint,
    weight: c_float,
}

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of one build, which stays loaded.
        #[allow(clippy::struct_field_names)]
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            fn load(library: &'static Library) -> Outcome<Functions> {
                // SAFETY: the types are those of floatfann.h of libfann 2.2.0,
                // whose soname the file carries.
                unsafe { Ok(Functions { $($name: *library.get(stringify!($name).as_bytes())?,)* }) }
            }
        }
    };
}

functions! {
    fann_create_standard_array: fn(c_uint, *const c_uint) -> Raw;
    fann_create_from_file: fn(*const c_char) -> Raw;
    fann_copy: fn(Raw) -> Raw;
    fann_destroy: fn(Raw);
    fann_save: fn(Raw, *const c_char) -> c_int;
    fann_run: fn(Raw, *const c_float) -> *mut c_float;
    fann_get_total_connections: fn(Raw) -> c_uint;
    fann_get_connection_array: fn(Raw, *mut Connection);
    fann_set_training_algorithm: fn(Raw, c_uint);
    fann_set_activation_function_hidden: fn(Raw, c_uint);
    fann_set_activation_function_output: fn(Raw, c_uint);
    fann_train_epoch: fn(Raw, *mut TrainData) -> c_float;
    fann_create_train: fn(c_uint, c_uint, c_uint) -> *mut TrainData;
    fann_destroy_train: fn(*mut TrainData);
}

/// One build of libfann.
pub struct Build {
    pub name: &'static str,
    /// Whether the floors are against it: Debian's and the default settings'.
    pub counted: bool,
    functions: Functions,
}

impl Build {
    fn open(name: &'static str, counted: bool, path: &Path) -> Outcome<Build> {
        // SAFETY: libfann's libraries run no code of their own when loaded.
        let library = unsafe { Library::new(path)? };
        let functions = Functions::load(Box::leak(Box::new(library)))?;
        Ok(Build { name, counted, functions })
    }

    /// All builds that the set-up script left here, Debian's first, and why
    /// others are missing.
    pub fn all(peers: &Path) -> (Vec<Build>, Vec<String>) {
        let built = |name: &str| peers.join("fann").join(name).join("src/libfloatfann.so");
        let candidates = [
            ("Debian", true, "libfloatfann.so.2".into()),
            ("default flags", true, built("default")),
            ("-O3", false, built("release")),
            ("-O3 -march=native", false, built("native")),
        ];
        let (mut builds, mut missing) = (Vec::new(), Vec::new());
        for (name, counted, path) in candidates {
            match Build::open(name, counted, &path) {
                Ok(build) => builds.push(build),
                Err(error) => missing.push(format!("libfann, {name}: {error}")),
            }
        }
        (builds, missing)
    }
}

/// A network of libfann's.
pub struct Ann<'b> {
    functions: &'b Functions,
    raw: Raw,
}

impl<'b> Ann<'b> {
    /// With these weights, in our order.
    pub fn new(build: &'b Build, spec: &Spec, weights: &[f32]) -> Outcome<Ann<'b>> {
        let functions = &build.functions;
        let layers: Vec<c_uint> = spec.layers.iter().map(|n| *n as c_uint).collect();
        let squash = match spec.squash {
            Squash::Sigmoid => 3,
            Squash::Tanh => 5,
        };
        let algorithm = match spec.method {
            Method::Incremental => 0,
            Method::Batch => 1,
            Method::Rprop => 2,
        };
        // SAFETY: the layers are there during the call.
        let raw = unsafe {
            (functions.fann_create_standard_array)(layers.len() as c_uint, layers.as_ptr())
        };
        let ann = Ann::owned(functions, raw)?;
        // SAFETY: the network is alive, the numbers are of its enumerations.
        unsafe {
            (functions.fann_set_activation_function_hidden)(raw, squash);
            (functions.fann_set_activation_function_output)(raw, squash);
            (functions.fann_set_training_algorithm)(raw, algorithm);
        }
        ann.with_weights(build, spec, weights)
    }

    pub fn load(build: &'b Build, path: &Path) -> Outcome<Ann<'b>> {
        let path = CString::new(path.to_string_lossy().as_bytes())?;
        // SAFETY: the text ends with a zero.
        let raw = unsafe { (build.functions.fann_create_from_file)(path.as_ptr()) };
        Ann::owned(&build.functions, raw)
    }

    fn owned(functions: &'b Functions, raw: Raw) -> Outcome<Ann<'b>> {
        if raw.is_null() {
            Err("libfann made no network".into())
        } else {
            Ok(Ann { functions, raw })
        }
    }

    pub fn save(&self, path: &Path) -> Outcome<()> {
        let path = CString::new(path.to_string_lossy().as_bytes())?;
        // SAFETY: the network is alive, the text ends with a zero.
        let failed = unsafe { (self.functions.fann_save)(self.raw, path.as_ptr()) };
        if failed == 0 { Ok(()) } else { Err("libfann saved no network".into()) }
    }

    fn connections(&self) -> Vec<Connection> {
        // SAFETY: the network is alive; the array has room for all of them.
        unsafe {
            let count = (self.functions.fann_get_total_connections)(self.raw) as usize;
            let mut connections = vec![Connection::default(); count];
            (self.functions.fann_get_connection_array)(self.raw, connections.as_mut_ptr());
            connections
        }
    }

    /// The same with these weights, by way of a file: libfann's function that
    /// sets them looks through all connections for each.
    fn with_weights(&self, build: &'b Build, spec: &Spec, weights: &[f32]) -> Outcome<Ann<'b>> {
        let connections = self.connections();
        if connections.len() != weights.len() || weights.len() != spec.parameters() {
            return Err("libfann's network has another number of weights".into());
        }
        let path = std::env::temp_dir().join(format!("nsw-peers-{}.net", std::process::id()));
        self.save(&path)?;
        let text = std::fs::read_to_string(&path)?;
        let head = "connections (connected_to_neuron, weight)=";
        let at = text.find(head).ok_or("libfann's file has no connections")? + head.len();
        let mut text = text[..at].to_string();
        for (connection, place) in connections.iter().zip(places(spec)) {
            write!(text, "({}, {:e}) ", connection.from, weights[place])?;
        }
        text.push('\n');
        std::fs::write(&path, text)?;
        let made = Ann::load(build, &path);
        std::fs::remove_file(&path)?;
        let made = made?;
        if made.weights(spec) == weights {
            Ok(made)
        } else {
            Err("libfann read other weights".into())
        }
    }

    /// A copy in the same state.
    pub fn copy(&self) -> Outcome<Ann<'b>> {
        // SAFETY: the network is alive.
        let raw = unsafe { (self.functions.fann_copy)(self.raw) };
        Ann::owned(self.functions, raw)
    }

    /// All weights in our order.
    pub fn weights(&self, spec: &Spec) -> Vec<f32> {
        let mut weights = vec![0.0; spec.parameters()];
        for (connection, place) in self.connections().iter().zip(places(spec)) {
            weights[place] = connection.weight;
        }
        weights
    }

    /// One epoch.
    pub fn epoch(&mut self, data: &Samples<'_>) {
        // SAFETY: both are alive; the samples have the network's widths.
        unsafe { (self.functions.fann_train_epoch)(self.raw, data.raw) };
    }

    /// Runs one sample; `output` takes the result.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) {
        // SAFETY: the input has the network's width, and so has the result.
        unsafe {
            let result = (self.functions.fann_run)(self.raw, input.as_ptr());
            output.copy_from_slice(std::slice::from_raw_parts(result, output.len()));
        }
    }
}

impl Drop for Ann<'_> {
    fn drop(&mut self) {
        // SAFETY: it is alive, and nobody has it afterwards.
        unsafe { (self.functions.fann_destroy)(self.raw) };
    }
}

/// Where the weight of each connection is in our order: libfann has a unit's
/// bias behind its weights, we have a layer's biases behind all of its weights.
fn places(spec: &Spec) -> impl Iterator<Item = usize> {
    let mut start = 0;
    spec.layers.windows(2).flat_map(move |pair| {
        let (sources, units, at) = (pair[0], pair[1], start);
        start += (sources + 1) * units;
        (0..units).flat_map(move |unit| {
            let row = at + unit * sources;
            (row..row + sources).chain([at + units * sources + unit])
        })
    })
}

/// libfann's copy of samples.
pub struct Samples<'b> {
    functions: &'b Functions,
    raw: *mut TrainData,
}

impl<'b> Samples<'b> {
    pub fn new(build: &'b Build, set: &Set) -> Outcome<Samples<'b>> {
        let functions = &build.functions;
        let (inputs, outputs) = (set.inputs as c_uint, set.outputs as c_uint);
        // SAFETY: plain numbers.
        let raw =
            unsafe { (functions.fann_create_train)(set.samples() as c_uint, inputs, outputs) };
        if raw.is_null() {
            return Err("libfann took no samples".into());
        }
        for i in 0..set.samples() {
            let (x, y) = set.sample(i);
            // SAFETY: libfann made so many rows, each of its width.
            unsafe {
                (*(*raw).input.add(i)).copy_from_nonoverlapping(x.as_ptr(), x.len());
                (*(*raw).output.add(i)).copy_from_nonoverlapping(y.as_ptr(), y.len());
            }
        }
        Ok(Samples { functions, raw })
    }
}

impl Drop for Samples<'_> {
    fn drop(&mut self) {
        // SAFETY: they are alive, and nobody has them afterwards.
        unsafe { (self.functions.fann_destroy_train)(self.raw) };
    }
}
