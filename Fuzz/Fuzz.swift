// The parsers that read what strangers send, under libFuzzer:
//
//     dynafuzz request|json|token|log [libFuzzer options and corpus folders]
//
// Each floor brings its own entry, which takes any bytes and checks what must hold of the answer;
// here they only get a name. `make fuzz` builds this target, no other build knows it.
import Auth
import Durability
import HTTP
import JSON

/// What libFuzzer calls with each input.
typealias Entry = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

/// libFuzzer's own main loop: reads the options, then calls `entry` until told to stop.
/// Source: compiler-rt, lib/fuzzer/FuzzerInterface.h.
@_extern(c, "LLVMFuzzerRunDriver")
func runDriver(
  _ argumentCount: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ entry: Entry
) -> CInt

/// The program's `main`, under the name that SwiftPM gives it.
///
/// The first argument names the parser and leaves its place to the program's name.
@c(dynafuzz_main)
public func fuzzMain(
  _ argumentCount: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
  guard argumentCount > 1, let arguments = unsafe arguments, let name = unsafe arguments[1],
    let entry = unsafe entry(named: String(cString: name))
  else {
    print("usage: dynafuzz request|json|token|log [options] [corpus]")
    return 64
  }
  unsafe arguments[1] = arguments[0]
  var remaining = argumentCount - 1
  var rest: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe arguments + 1
  return unsafe runDriver(&remaining, &rest, entry)
}

func entry(named name: String) -> Entry? {
  switch name {
  case "request": { bytes, count in unsafe feed(bytes, count, fuzzRequest) }
  case "json": { bytes, count in unsafe feed(bytes, count, fuzzJSON) }
  case "token": { bytes, count in unsafe feed(bytes, count, fuzzToken) }
  case "log": { bytes, count in unsafe feed(bytes, count, fuzzLogFrame) }
  default: nil
  }
}

func feed(_ bytes: UnsafePointer<UInt8>?, _ count: Int, _ parser: (Span<UInt8>) -> Void) -> CInt {
  parser(unsafe UnsafeBufferPointer(start: bytes, count: count).span)
  return 0
}

/// libFuzzer's own `main` comes along in its archive and wants this symbol, though it never runs.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt { 0 }
