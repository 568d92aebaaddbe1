//! Tells the linker that Node itself supplies the functions of Node-API.

fn main() {
    napi_build::setup();
}
