import Foundation

/// A directory of its own under the system's temporary one, removed when the test run ends.
///
/// Its name holds the number of the process that made it: a later run clears away what one that
/// was killed left behind.
struct TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    Self.sweep
    var template = Array("\(Self.prefix)\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Trouble("mkdtemp: errno \(errno)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let path = path
    AtExit.shared.add { try? FileManager.default.removeItem(atPath: path) }
  }

  private static let prefix = "/tmp/dynaswift-e2e-"

  /// Removes the directories of processes that are no more, once in a run.
  private static let sweep: Void = {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? [] {
      let path = "/tmp/\(name)"
      guard path.hasPrefix(prefix),
        let maker = Int32(path.dropFirst(prefix.count).prefix { $0 != "-" }),
        kill(maker, 0) != 0 && errno == ESRCH
      else { continue }
      SmallFileSystem.takeDown(path)
      try? FileManager.default.removeItem(atPath: path)
    }
  }()

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
