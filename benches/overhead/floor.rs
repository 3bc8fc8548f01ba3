//! What remains of a call's cost when all of our own code is free: what (a) and (b) cannot go below on this machine.
//!
//! Each piece is done here by itself, as bare as it can be, in the sizes that the call of these benches has. What is ours
//! beside it (visiting and encoding fields, the gate, prices, checksums, canonical form, OTLP) is not in the sum.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tempfile::TempDir;
use tracing::Dispatch;
use tracing_subscriber::Registry;

use crate::call::{PROMPT, call, span};
use crate::figures::{median, microseconds, process_cpu_nanos, thread_cpu_nanos};
use crate::peers::{Pipeline, Stock};
use crate::sink::SinkProcess;

/// What a piece costs, in nanoseconds a call, and what it is.
struct Piece {
    name: &'static str,
    measure: fn() -> f64,
    costs: Vec<f64>,
}

pub(crate) fn measure() {
    let mut caller = [
        piece("a span of these fields in a bare Registry", registry),
        piece("HMAC-SHA256 of the prompt and of the user", hashes),
        piece("two pwrite, start and end frame, pages warm", writes),
    ];
    let mut others = [
        piece("HMAC-SHA256 of the record's canonical form", seal),
        piece("fdatasync of its frames, 80 calls at a time", syncs),
        piece("log record and span into a loopback socket", sends),
    ];
    let (mut stock_caller, mut stock_all) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for piece in caller.iter_mut().chain(&mut others) {
            piece.costs.push((piece.measure)());
        }
        let (of_caller, of_all) = stock();
        stock_caller.push(of_caller);
        stock_all.push(of_all);
    }
    println!(
        "(h) floors: processor time of what is left when our own code is free, microseconds a call; medians of {ROUNDS} rounds"
    );
    let pieces_of_caller = print(&caller);
    let (of_caller, of_all) = (median(stock_caller), median(stock_all));
    line("(a) cannot be less, by write(2)", pieces_of_caller);
    let by_memory = pieces_of_caller - median(caller[2].costs.clone());
    line("(a) cannot be less, through mapped memory", by_memory);
    line("stock, caller, the same loop", of_caller);
    let pieces = pieces_of_caller + print(&others);
    line("(b) cannot be less, all threads", pieces);
    line("stock, all threads, the same calls", of_all);
    println!(
        "    floor / stock: (a) by write(2) {:.2}, mapped {:.2}; (b) {:.2}\n",
        pieces_of_caller / of_caller,
        by_memory / of_caller,
        pieces / of_all
    );
}

fn piece(name: &'static str, measure: fn() -> f64) -> Piece {
    Piece {
        name,
        measure,
        costs: Vec::new(),
    }
}

/// Prints the pieces, and returns their sum.
fn print(pieces: &[Piece]) -> f64 {
    let medians = pieces.iter().map(|piece| {
        let cost = median(piece.costs.clone());
        line(piece.name, cost);
        cost
    });
    medians.sum()
}

fn line(name: &str, nanos: f64) {
    println!("    {name:<54} {:>8}", microseconds(nanos));
}

/// The mean of processor time of this thread over many repetitions.
fn mean(mut work: impl FnMut(u64)) -> f64 {
    (0..WARM_UP).for_each(&mut work);
    let started = thread_cpu_nanos();
    (0..LOOP).for_each(&mut work);
    (thread_cpu_nanos() - started) / LOOP as f64
}

fn registry() -> f64 {
    let dispatch = Dispatch::new(Registry::default());
    tracing::dispatcher::with_default(&dispatch, || mean(|number| span(number).in_scope(|| {})))
}

fn hashes() -> f64 {
    let keyed = keyed();
    mean(|number| {
        let mut of_prompt = keyed.clone();
        of_prompt.update(PROMPT.as_bytes());
        let mut of_user = keyed.clone();
        of_user.update(&number.to_le_bytes());
        std::hint::black_box((of_prompt.finalize(), of_user.finalize()));
    })
}

fn seal() -> f64 {
    let (keyed, form) = (keyed(), [b'x'; CANONICAL]);
    mean(|_| {
        let mut code = keyed.clone();
        code.update(&form);
        std::hint::black_box(code.finalize());
    })
}

fn keyed() -> Hmac<Sha256> {
    Hmac::new_from_slice(&[7; 32]).expect("HMAC takes keys of any length")
}

fn writes() -> f64 {
    let (_directory, file) = file();
    // In pieces, for the reason that the journal's stage has: later writes pay for what was written at once.
    for offset in (0..STAGE).step_by(16 << 10) {
        file.write_all_at(&[0; 16 << 10], offset)
            .expect("the file is written");
    }
    let frame = [7; FRAMES[1]];
    let mut at = 0;
    mean(|_| {
        for length in FRAMES {
            if at + length as u64 > STAGE {
                at = 0;
            }
            file.write_all_at(&frame[..length], at)
                .expect("the file is written");
            at += length as u64;
        }
    })
}

fn syncs() -> f64 {
    let (_directory, file) = file();
    let frames = vec![7; AT_A_TIME * FRAMES.iter().sum::<usize>()];
    let started = process_cpu_nanos();
    for time in 0..SYNCS {
        file.write_all_at(&frames, time * frames.len() as u64)
            .expect("the file is written");
        file.sync_data().expect("the file is synced");
    }
    (process_cpu_nanos() - started) / (SYNCS as f64 * AT_A_TIME as f64)
}

fn file() -> (TempDir, File) {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("there is a directory");
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(directory.path().join("frames"));
    (directory, file.expect("there is a file"))
}

/// What the sender's thread pays; whoever reads is not counted.
fn sends() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = listener.local_addr().expect("a listener has an address");
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        let mut bytes = vec![0; 64 << 10];
        while stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
    });
    let mut stream = TcpStream::connect(address).expect("the reader listens");
    // HTTP/2 sends a frame of 16 KiB at a time.
    let frame = [7; 16 << 10];
    let frames = (LOOP as usize * SENT).div_ceil(frame.len());
    let started = thread_cpu_nanos();
    for _ in 0..frames {
        stream.write_all(&frame).expect("the reader reads");
    }
    let cost = (thread_cpu_nanos() - started) / LOOP as f64;
    drop(stream);
    reader.join().expect("the reader ends");
    cost
}

/// What stock costs in the same loop: its caller, and all its threads.
fn stock() -> (f64, f64) {
    let sink = SinkProcess::start();
    let stock = Stock::lossless(sink.endpoint());
    let before = process_cpu_nanos();
    let caller = stock.run(|| mean(call));
    stock.finish();
    let all = (process_cpu_nanos() - before) / (LOOP + WARM_UP) as f64;
    (caller, all)
}

const ROUNDS: usize = 5;
const WARM_UP: u64 = 1_000;
const LOOP: u64 = 30_000;
/// Bytes of the start and the end frame of the call in the journal.
const FRAMES: [usize; 2] = [216, 648];
/// Bytes of the journal's stage, which stay in memory.
const STAGE: u64 = 4 << 20;
/// Bytes of the call's record in canonical form.
const CANONICAL: usize = 1_400;
/// Bytes of its log record and its span in OTLP.
const SENT: usize = 4_150;
/// Calls that one fdatasync makes durable at 20 calls a millisecond, and how many are measured.
const AT_A_TIME: usize = 80;
const SYNCS: u64 = 300;
