//! Makes the embedded target's services from their .proto files, without protoc, and keeps their descriptors for
//! server reflection.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

const ROOT: &str = "proto";
const FILES: [&str; 2] = ["prony/demo/v1/shop.proto", "prony/demo/v1/control.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let mut compiler = protox::Compiler::new([ROOT])?;
    // Comments go into the generated code; reflection shows them to whoever asks.
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;
    let descriptors = compiler.file_descriptor_set();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?);
    std::fs::write(out.join("demo.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_transport(false)
        // Payloads are shared with the buffer they came in, not copied.
        .bytes(".prony.demo.v1")
        .compile_fds(descriptors)?;
    Ok(())
}
