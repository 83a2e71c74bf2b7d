//! The peers that are reached through Python: a process that is told what to
//! run how often, and times it.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::measure::{Contestant, Outcome};

pub struct Python {
    child: Child,
    pipes: RefCell<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Python {
    /// Runs a script of this folder.
    pub fn start(peers: &Path, script: &str) -> Outcome<Python> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut child = Command::new(peers.join("venv/bin/python"))
            .args(["-B".as_ref(), script.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(peers.join("python.log"))?)
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let pipes = stdin.zip(stdout.map(BufReader::new));
        let python = Python { child, pipes: RefCell::new(pipes) };
        python.ask(&json!({"do": "versions"}))?;
        Ok(python)
    }

    /// Asks for something; an error of Python's is an error here.
    pub fn ask(&self, request: &Value) -> Outcome<Value> {
        let mut pipes = self.pipes.borrow_mut();
        let (to, from) = pipes.as_mut().ok_or("Python has ended")?;
        writeln!(to, "{request}")?;
        to.flush()?;
        let mut line = String::new();
        from.read_line(&mut line)?;
        let mut answer: Value = serde_json::from_str(&line)?;
        match answer.get("error") {
            Some(error) => Err(format!("Python's peer: {error}").into()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// A call that Python has ready by this name.
    pub fn contestant(&self, label: &str, name: String) -> Contestant<'_> {
        Contestant::new(label, move |times| {
            let took = self.ask(&json!({"do": "time", "name": name, "times": times}))?;
            Ok(took.as_f64().ok_or("Python gave no time")?)
        })
    }

    /// "python 3.11.7, numpy 2.4.6"
    pub fn versions(&self) -> Outcome<String> {
        let answer = self.ask(&json!({"do": "versions"}))?;
        let versions = answer.as_object().ok_or("Python gave no versions")?;
        let text = |(name, version): (&String, &Value)| {
            format!("{name} {}", version.as_str().unwrap_or("?"))
        };
        Ok(versions.iter().map(text).collect::<Vec<_>>().join(", "))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        self.pipes.borrow_mut().take();
        let _ = self.child.wait();
    }
}
