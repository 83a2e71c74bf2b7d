//! Reading FANN's text.

use core::str::FromStr;

use super::{
    CONNECTIONS, FANN_LIST, FannSettings, GAUSSIAN_STEPWISE, MAGIC, NEURONS, OLD_MAGIC, SCALES,
    from_fann, settings,
};
use crate::error::{Error, Result};
use crate::nn::Activation;
use crate::nn::net::{Body, Plan};
use crate::nn::shape::{Dense, Links, Outline, Shape, Topology};
use crate::port::{Level, Line, Logger};

/// A checked FANN file. It borrows the text.
#[derive(Clone, Debug)]
pub struct FannFile<'t> {
    /// What it says about training.
    pub settings: FannSettings,
    topology: Topology,
    /// The part of all connections that there are.
    connection_rate: f32,
    layers: usize,
    /// Neurons of each layer, biases included.
    sizes: &'t str,
    /// Scaling of inputs, then of outputs, if there is any.
    scales: Option<[[&'t str; 4]; 2]>,
    neurons: &'t str,
    connections: &'t str,
    shape: Shape,
    styles: bool,
}

/// Reads line by line and says where it was.
struct Lines<'t, 'l> {
    rest: &'t str,
    number: usize,
    logger: Option<&'l dyn Logger>,
}

impl<'t> Lines<'t, '_> {
    fn refuse<T>(&self, error: Error, text: &str) -> Result<T> {
        Line::new("line ")
            .number(self.number)
            .text(": ")
            .text(text)
            .send(self.logger, Level::Error);
        Err(error)
    }

    fn next(&mut self) -> &'t str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.number += 1;
        line.trim_ascii_end()
    }

    /// Whether the next line is `name=value`. Passes over empty lines before it,
    /// as libfann does.
    fn follows(&mut self, name: &str) -> bool {
        while let Some((line, _)) = self.rest.split_once('\n')
            && line.trim_ascii().is_empty()
        {
            self.next();
        }
        self.rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
    }

    /// The text after `name=`.
    fn text(&mut self, name: &str) -> Result<&'t str> {
        let follows = self.follows(name);
        if self.rest.trim_ascii().is_empty() {
            self.number += 1;
            return self.refuse(Error::ModelTruncated, name);
        }
        let line = self.next();
        match line.get(name.len() + 1..) {
            Some(value) if follows => Ok(value),
            _ => self.refuse(Error::ModelInvalid, name),
        }
    }

    /// The number after `name=`.
    fn value<T: FromStr>(&mut self, name: &str) -> Result<T> {
        let text = self.text(name)?.trim();
        match text.parse() {
            Ok(value) => Ok(value),
            Err(_) => self.refuse(Error::ModelInvalid, name),
        }
    }

    fn float(&mut self, name: &str) -> Result<f32> {
        let value: f32 = self.value(name)?;
        if value.is_finite() { Ok(value) } else { self.refuse(Error::ModelInvalid, name) }
    }

    fn whole(&mut self, name: &str) -> Result<u32> {
        self.value(name)
    }

    fn list<T: FromStr + Copy>(
        &mut self,
        name: &str,
        count: u32,
    ) -> Result<heapless::Vec<T, FANN_LIST>> {
        let mut list = heapless::Vec::new();
        for word in self.text(name)?.split_ascii_whitespace() {
            let good = word.parse().ok().is_some_and(|value| list.push(value).is_ok());
            if !good {
                return self.refuse(Error::ModelInvalid, name);
            }
        }
        if list.len() == count as usize { Ok(list) } else { self.refuse(Error::ModelInvalid, name) }
    }
}

/// The `(a, b, ...)` of a line.
#[derive(Clone)]
struct Tuples<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Tuples<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let (inside, rest) = self.rest.trim_start().strip_prefix('(')?.split_once(')')?;
        self.rest = rest;
        Some(inside)
    }
}

impl Tuples<'_> {
    /// Inputs, function and steepness of the next neuron.
    fn neuron(&mut self) -> Result<(usize, u32, f32)> {
        let mut parts = self.next().ok_or(Error::ModelTruncated)?.split(',').map(str::trim);
        let mut part = || parts.next().ok_or(Error::ModelInvalid);
        let (inputs, function, steepness) = (part()?, part()?, part()?);
        let read = (inputs.parse().ok(), function.parse().ok(), steepness.parse().ok());
        let (Some(inputs), Some(function), Some(steepness)) = read else {
            return Err(Error::ModelInvalid);
        };
        if parts.next().is_some() {
            Err(Error::ModelInvalid)
        } else {
            Ok((inputs, function, steepness))
        }
    }

    /// Neuron and weight of the next connection.
    fn connection(&mut self) -> Result<(usize, f32)> {
        let inside = self.next().ok_or(Error::ModelTruncated)?;
        let (neuron, weight) = inside.split_once(',').ok_or(Error::ModelInvalid)?;
        let (neuron, weight) = (neuron.trim().parse().ok(), weight.trim().parse().ok());
        let (Some(neuron), Some(weight)) = (neuron, weight) else {
            return Err(Error::ModelInvalid);
        };
        let weight: f32 = weight;
        if weight.is_finite() { Ok((neuron, weight)) } else { Err(Error::ModelInvalid) }
    }
}

/// The layers as FANN counts them.
#[derive(Clone)]
struct Outlines<'t> {
    sizes: core::str::SplitAsciiWhitespace<'t>,
    neurons: Tuples<'t>,
    topology: Topology,
    sparse: bool,
    left: usize,
}

impl Iterator for Outlines<'_> {
    type Item = Outline;

    fn next(&mut self) -> Option<Outline> {
        self.left = self.left.checked_sub(1)?;
        // Sizes and neurons have been looked through before.
        let size: usize = self.sizes.next()?.parse().ok()?;
        let biases = usize::from(self.topology == Topology::Layered);
        let units = size.saturating_sub(biases);
        let mut outline = Outline::new(units, Activation::Linear);
        let mut links = 0;
        for unit in 0..size {
            let (inputs, function, steepness) = self.neurons.neuron().ok()?;
            if unit >= units {
                continue;
            }
            links += inputs.saturating_sub(1);
            let style = from_fann(function, steepness).ok()?;
            if unit == 0 {
                (outline.activation, outline.steepness) = style;
            }
            outline.mixed |= style != (outline.activation, outline.steepness);
        }
        outline.links = if self.sparse { Links::Count(links) } else { Links::All };
        Some(outline)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Outlines<'_> {}

/// What a connection comes from.
enum Source {
    Bias,
    Node(u32),
}

impl<'t> FannFile<'t> {
    /// Reads and checks a file: FANN_FLO_2.1, what `fann_save` writes, or
    /// FANN_FLO_2.0 as far as libfann 2.2 reads it (the same settings, no
    /// scales). The rectifiers of FANN's later versions are read. The logger is
    /// told what is wrong, and where.
    ///
    /// [`Error::ModelMagic`] if the text is no FANN file,
    /// [`Error::ModelVersion`] for one of another version or with fixed-point
    /// numbers, [`Error::Unsupported`] for an activation function that FANN
    /// does not compute (the stepwise gaussian) or that is unknown,
    /// [`Error::ModelTruncated`], [`Error::ModelInvalid`].
    pub fn read(text: &'t [u8], logger: Option<&dyn Logger>) -> Result<FannFile<'t>> {
        let Ok(text) = core::str::from_utf8(text) else {
            Line::new("not a text").send(logger, Level::Error);
            return Err(Error::ModelMagic);
        };
        let mut lines = Lines { rest: text, number: 0, logger };
        let magic = lines.next();
        if magic != MAGIC && magic != OLD_MAGIC {
            let other = magic.starts_with("FANN_");
            let error = if other { Error::ModelVersion } else { Error::ModelMagic };
            let fixed = magic.starts_with("FANN_FIX_");
            let text = if fixed { "FANN_FIX: fixed-point numbers" } else { "not FANN_FLO_2.1" };
            return lines.refuse(error, text);
        }
        let mut s = FannSettings::default();
        let layers = lines.whole("num_layers")? as usize;
        s.learning_rate = lines.float("learning_rate")?;
        let connection_rate = lines.float("connection_rate")?;
        let network_type = lines.whole("network_type")?;
        s.learning_momentum = lines.float("learning_momentum")?;
        s.training_algorithm = lines.whole("training_algorithm")?;
        s.train_error_function = lines.whole("train_error_function")?;
        s.train_stop_function = lines.whole("train_stop_function")?;
        macro_rules! read {
            ($field:ident, whole) => {
                s.$field = lines.whole(stringify!($field))?
            };
            ($field:ident, $other:ident) => {
                s.$field = lines.float(stringify!($field))?
            };
        }
        settings!(read);
        let count = lines.whole("cascade_activation_functions_count")?;
        s.cascade_activation_functions = lines.list("cascade_activation_functions", count)?;
        let count = lines.whole("cascade_activation_steepnesses_count")?;
        s.cascade_activation_steepnesses = lines.list("cascade_activation_steepnesses", count)?;
        if !s.cascade_activation_steepnesses.iter().all(|s| f32::is_finite(*s)) {
            return lines.refuse(Error::ModelInvalid, "cascade_activation_steepnesses");
        }
        let sizes = lines.text("layer_sizes")?;
        let scaled = magic == MAGIC || lines.follows("scale_included");
        let scales = match if scaled { lines.whole("scale_included")? } else { 0 } {
            0 => None,
            _ => {
                let mut scales = [[""; 4]; 2];
                for (names, texts) in SCALES.iter().zip(&mut scales) {
                    for (name, text) in names.iter().zip(texts) {
                        *text = lines.text(name)?;
                    }
                }
                Some(scales)
            }
        };
        let neurons = lines.text(NEURONS)?;
        let connections = lines.text(CONNECTIONS)?;
        let Some(topology) = Topology::from_code(network_type) else {
            return lines.refuse(Error::ModelInvalid, "network_type");
        };
        let mut file = FannFile {
            settings: s,
            topology,
            connection_rate,
            layers,
            sizes,
            scales,
            neurons,
            connections,
            shape: Shape::NONE,
            styles: false,
        };
        if let Err(error) = file.check(&lines) {
            return lines.refuse(error, error.message());
        }
        Ok(file)
    }

    /// Checks sizes, neurons, connections and scales.
    fn check(&mut self, lines: &Lines<'_, '_>) -> Result<()> {
        let sizes = || self.sizes.split_ascii_whitespace().map(|size| size.parse::<usize>().ok());
        if self.layers < 2 || sizes().count() != self.layers || !sizes().all(|s| s.is_some()) {
            return lines.refuse(Error::ModelInvalid, "layer_sizes");
        }
        let total = sizes().try_fold(0usize, |sum, size| sum.checked_add(size?));
        let total =
            total.filter(|total| *total <= self.neurons.len()).ok_or(Error::ModelTruncated)?;
        let inputs = sizes().next().flatten().unwrap_or(0).saturating_sub(1);
        let mut neurons = Tuples { rest: self.neurons };
        let mut at = 0;
        for (layer, size) in sizes().flatten().enumerate() {
            for place in 0..size {
                let (links, function, steepness) = neurons.neuron()?;
                let bias = place + 1 == size && self.has_bias(layer);
                let unit = layer > 0 && !bias;
                if unit && function == GAUSSIAN_STEPWISE {
                    return lines.refuse(
                        Error::Unsupported,
                        "GAUSSIAN_STEPWISE is a stub in FANN that always gives 0",
                    );
                }
                let mut good = links == 0;
                if unit {
                    // Ours may be twice FANN's, and must still be a number.
                    let steepness = from_fann(function, steepness)?.1;
                    good = links > 0 && steepness > 0.0 && steepness.is_finite();
                }
                if !good || (bias && size < 2) {
                    return lines.refuse(Error::ModelInvalid, "neurons");
                }
                at += 1;
            }
        }
        if at != total || neurons.next().is_some() || !neurons.rest.trim().is_empty() {
            return lines.refuse(Error::ModelInvalid, "neurons");
        }
        let mut all = true;
        let shape = Shape::check((inputs, self.topology), self.outlines(), None, |_, _| {});
        self.shape = shape.map_err(super::super::in_file)?;
        self.styles = self.shape.mixed;
        self.walk(|_, _, _, _| ()).inspect_err(|_| all = false)?;
        for (i, texts) in self.scales.iter().flatten().enumerate() {
            let width = if i == 0 { self.shape.inputs } else { self.shape.outputs };
            for text in texts {
                let numbers = || text.split_ascii_whitespace().map(|x| x.parse::<f32>().ok());
                let good = |x: Option<f32>| x.is_some_and(f32::is_finite);
                if numbers().count() != width || !numbers().all(good) {
                    return lines.refuse(Error::ModelInvalid, "scale parameters");
                }
            }
        }
        Ok(())
    }

    fn has_bias(&self, layer: usize) -> bool {
        layer == 0 || self.topology == Topology::Layered
    }

    fn sparse(&self) -> bool {
        self.connection_rate < 1.0
    }

    fn outlines(&self) -> Outlines<'t> {
        let mut sizes = self.sizes.split_ascii_whitespace();
        let mut neurons = Tuples { rest: self.neurons };
        let inputs = sizes.next().and_then(|size| size.parse().ok()).unwrap_or(0usize);
        for _ in 0..inputs {
            neurons.next();
        }
        let (topology, sparse) = (self.topology, self.sparse());
        Outlines { sizes, neurons, topology, sparse, left: self.layers - 1 }
    }

    /// Our node for FANN's neuron, or the bias.
    fn source(&self, layer: &Dense, first_neuron: usize, neuron: usize) -> Option<Source> {
        let place = neuron.checked_sub(first_neuron)?;
        match self.topology {
            // The layer before and its bias.
            Topology::Layered if place < layer.inputs() => {
                Some(Source::Node(layer.first + place as u32))
            }
            Topology::Layered => (place == layer.inputs()).then_some(Source::Bias),
            // All inputs, the bias, and all units before.
            Topology::Shortcut if place < self.shape.inputs => Some(Source::Node(place as u32)),
            Topology::Shortcut if place == self.shape.inputs => Some(Source::Bias),
            Topology::Shortcut => {
                (place - 1 < layer.inputs()).then(|| Source::Node(place as u32 - 1))
            }
        }
    }

    /// Shows every connection in FANN's order: layer, unit, its place among the
    /// unit's weights or `None` for the bias, weight.
    fn walk(&self, mut each: impl FnMut(&Dense, usize, Option<(usize, u32)>, f32)) -> Result<()> {
        let mut connections = Tuples { rest: self.connections };
        let mut neurons = Tuples { rest: self.neurons };
        let inputs = self.shape.inputs;
        (0..=inputs).for_each(|_| _ = neurons.next());
        // FANN's number of the first neuron of the layer before.
        let (mut before, mut here) = (0, inputs + 1);
        let mut result = Ok(());
        let from = (inputs, self.topology);
        Shape::check(from, self.outlines(), None, |_, layer| {
            if result.is_ok() {
                let first = if self.topology == Topology::Layered { before } else { 0 };
                result =
                    self.walk_layer(&layer, first, (&mut neurons, &mut connections), &mut each);
            }
            if self.topology == Topology::Layered {
                neurons.next();
                before = here;
                here += layer.units() + 1;
            }
        })
        .map_err(super::super::in_file)?;
        result?;
        let done = connections.next().is_none() && connections.rest.trim().is_empty();
        if done { Ok(()) } else { Err(Error::ModelInvalid) }
    }

    fn walk_layer(
        &self,
        layer: &Dense,
        first_neuron: usize,
        (neurons, connections): (&mut Tuples<'t>, &mut Tuples<'t>),
        each: &mut impl FnMut(&Dense, usize, Option<(usize, u32)>, f32),
    ) -> Result<()> {
        for unit in 0..layer.units() {
            let (count, ..) = neurons.neuron()?;
            if !self.sparse() && count != layer.inputs() + 1 {
                return Err(Error::ModelInvalid);
            }
            let (mut biases, mut place) = (0, 0);
            for k in 0..count {
                let (neuron, weight) = connections.connection()?;
                let source = self.source(layer, first_neuron, neuron);
                // Without a rate libfann takes the neurons one by one,
                // whatever the file says.
                if !self.sparse() && neuron != first_neuron + k {
                    return Err(Error::ModelInvalid);
                }
                match source.ok_or(Error::ModelInvalid)? {
                    Source::Bias => {
                        biases += 1;
                        each(layer, unit, None, weight);
                    }
                    Source::Node(node) => {
                        each(layer, unit, Some((place, node)), weight);
                        place += 1;
                    }
                }
            }
            // Every unit of libfann's has one.
            if biases != 1 {
                return Err(Error::ModelInvalid);
            }
        }
        Ok(())
    }

    /// How to carve a network for it.
    pub(crate) fn plan(&self) -> Plan<'static, impl ExactSizeIterator<Item = Outline> + use<'t>> {
        Plan {
            inputs: self.shape.inputs,
            topology: self.topology,
            outlines: self.outlines(),
            batch: 1,
            spare: 0,
            own: true,
            styles: self.styles,
            scaling: self.scales.is_some(),
            logger: None,
        }
    }

    /// Copies all numbers into a network carved by the plan.
    pub(crate) fn copy_into(&self, body: &mut Body<'_>) -> Result<()> {
        self.copy_styles(body)?;
        let (parameters, starts) = (body.parameters.own()?, body.starts.own()?);
        let sources = body.sources.own()?;
        let mut end = 0;
        self.walk(|layer, unit, source, weight| {
            let (weights, biases) = layer.of_mut(parameters);
            match source {
                None => biases[unit] = weight,
                Some((place, _)) if layer.links.is_none() => {
                    weights[unit * layer.inputs() + place] = weight;
                }
                Some((_, node)) => {
                    sources[end] = node;
                    weights[end - layer.links.unwrap_or(0)] = weight;
                    end += 1;
                }
            }
            if let Some(start) = starts.get_mut(layer.units_before + unit + 1) {
                *start = end as u32;
            }
        })?;
        let scaling = body.scaling.own()?;
        let mut at = 0;
        for texts in self.scales.iter().flatten() {
            let mut lists = texts
                .map(|text| text.split_ascii_whitespace().map(|x| x.parse::<f32>().unwrap_or(1.0)));
            while let [Some(mean), Some(deviation), Some(minimum), Some(factor)] =
                lists.each_mut().map(Iterator::next)
            {
                scaling[at..at + 4].copy_from_slice(&[mean, deviation, minimum, factor]);
                at += 4;
            }
        }
        Ok(())
    }

    fn copy_styles(&self, body: &mut Body<'_>) -> Result<()> {
        if !self.styles {
            return Ok(());
        }
        let mut neurons = Tuples { rest: self.neurons };
        (0..=self.shape.inputs).for_each(|_| _ = neurons.next());
        let (codes, steeps) = (body.codes.own()?, body.steeps.own()?);
        for layer in &body.table[..body.shape.layers] {
            for unit in layer.units_before..layer.units_before + layer.units() {
                let (_, function, steepness) = neurons.neuron()?;
                let (activation, steepness) = from_fann(function, steepness)?;
                (codes[unit], steeps[unit]) = (activation.code(), steepness);
            }
            if self.topology == Topology::Layered {
                neurons.next();
            }
        }
        Ok(())
    }
}
