//! The `llm-audit` command: parse, run, exit.

fn main() -> std::process::ExitCode {
    llm_audit::cli::run(std::env::args_os()).into()
}
