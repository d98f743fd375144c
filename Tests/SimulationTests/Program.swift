import Foundation

/// The optimised simulator, where one was built: worlds run many times faster in it than here.
enum Program {
  static let path = ProcessInfo.processInfo.environment["DYNASIM_BINARY"]

  static func run(_ words: [String]) throws -> (status: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(filePath: path ?? "dynasim")
    process.arguments = words
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }
}
