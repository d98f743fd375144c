import Foundation

/// A directory of its own under the system's temporary one, removed when the test run ends.
struct TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/dynaswift-e2e-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Trouble("mkdtemp: errno \(errno)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let path = path
    AtExit.shared.add { try? FileManager.default.removeItem(atPath: path) }
  }

  func write(_ name: String, _ bytes: some Sequence<UInt8>) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
  }

  func write(_ name: String, _ text: String) throws { try write(name, text.utf8) }

  /// All regular files below, with their paths relative to the directory, in byte order.
  func files() -> [String] {
    let found = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return found.filter { name in
      var isDirectory: ObjCBool = false
      let exists = FileManager.default.fileExists(
        atPath: "\(path)/\(name)", isDirectory: &isDirectory)
      return exists && !isDirectory.boolValue
    }.sorted()
  }

  func read(_ name: String) throws -> ByteText {
    ByteText(try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
  }
}

/// What is to be done when the test run ends, last added first.
final class AtExit: @unchecked Sendable {
  static let shared = AtExit()
  private let lock = NSLock()
  private var actions: [() -> Void] = []

  private init() {
    atexit { AtExit.shared.run() }
  }

  func add(_ action: @escaping () -> Void) {
    lock.withLock { actions.append(action) }
  }

  private func run() {
    let due = lock.withLock { actions }
    for action in due.reversed() { action() }
  }
}
