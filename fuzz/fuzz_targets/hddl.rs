//! Any bytes as a domain, a problem and a plan: what is read is a model that opens, a plan that is read
//! gets a verdict, and is the same plan when it is written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use neural_swarm::host::hddl::{Hddl, Source, plan_dot, plan_svg, read_plan, write_plan};
use neural_swarm::port::Heap;
use neural_swarm::task::plan::{Verifier, VerifierConfig};

fuzz_target!(|bytes: &[u8]| {
    // Between the texts a byte that UTF-8 has not.
    let mut texts = bytes.split(|b| *b == 0xff);
    let mut next = |name| Source { name, text: texts.next().unwrap_or(&[]) };
    let (domain, problem, plan) = (next("domain"), next("problem"), next("plan"));
    let hddl = match Hddl::read(domain, problem) {
        Ok(hddl) => hddl,
        Err(error) => {
            let text = if error.file == "domain" { domain.text } else { problem.text };
            let lines = text.iter().filter(|b| **b == b'\n').count() + 1;
            assert!(error.line as usize <= lines && error.column >= 1);
            return;
        }
    };
    let model = hddl.model().expect("what is read is a model");
    let Ok(file) = read_plan(&model, plan) else { return };
    let config = VerifierConfig { steps: 500, facts: 3000, words: 20_000 };
    let mut verifier = Verifier::new(&config, Heap).expect("a small one");
    let verdict = verifier.verify(&model, &file.plan());
    let _ = (plan_dot(&model, &file.plan()), plan_svg(&model, &file.plan()));
    let text = write_plan(&model, &file.plan()).expect("a model with names");
    let again = read_plan(&model, Source { name: "again", text: text.as_bytes() });
    if verdict.is_ok() {
        let again = again.expect("what is written is read");
        assert_eq!(verifier.verify(&model, &again.plan()), Ok(()));
    }
});
