// What `dynaswift keys …` and the node that runs on the directory say to each other.

import Bytes
import Crypto
import Durability
import Platform

/// A request to change or list the data keys: a file in the data directory, which the node looks
/// for and removes once its answer lies beside it. Who may write there may do everything to the
/// data, so the file proves enough; and nothing secret is in it.
struct KeyRequest: Equatable {
  enum Verb: Equatable {
    case rotate
    case list
    /// The path of the new key-encryption key, which the node reads itself.
    case rewrap(keyFile: String)
  }

  /// Tells requests apart: 16 hexadecimal digits.
  let id: String
  let verb: Verb

  static let fileName = "keys.request"
  static let answerPrefix = "keys.answer."
  /// 8 KiB: the longest path twice.
  private static let bytesMax = 8 << 10

  init(_ verb: Verb) {
    var id = ByteBuffer()
    Hex.append(SecureRandom.uint64(), digits: 16, to: &id)
    self.init(id: String(decoding: id.copied(), as: UTF8.self), verb)
  }

  init(id: String, _ verb: Verb) {
    self.id = id
    self.verb = verb
  }

  var answerName: String { Self.answerPrefix + id }

  /// Three lines: the id, the verb, and what it needs.
  var text: String {
    switch verb {
    case .rotate: "\(id)\nrotate\n"
    case .list: "\(id)\nlist\n"
    case .rewrap(let keyFile): "\(id)\nrewrap\n\(keyFile)"
    }
  }

  /// Reads a request; nil where the text is none.
  init?(text: String) {
    let parts = text.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].utf8.count == 16,
      parts[0].utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) })
    else { return nil }
    switch (parts[1], parts[2].isEmpty) {
    case ("rotate", true): self.init(id: String(parts[0]), .rotate)
    case ("list", true): self.init(id: String(parts[0]), .list)
    case ("rewrap", false): self.init(id: String(parts[0]), .rewrap(keyFile: String(parts[2])))
    default: return nil
    }
  }

  /// The request that waits in a directory; nil where none does, or one that is no request.
  static func waiting(on disk: FileDisk) -> KeyRequest? {
    var bytes = ByteBuffer()
    guard let file = try? disk.open(fileName),
      (try? file.read(at: 0, count: bytesMax, into: &bytes)) != nil
    else { return nil }
    return KeyRequest(text: String(decoding: bytes.copied(), as: UTF8.self))
  }

  /// Leaves the request for the node, whole. It need not survive a power failure.
  ///
  /// Of two that are left at the same moment one takes the place of the other, whose command sees
  /// that it has gone unanswered and leaves it again.
  func leave(on disk: FileDisk) throws(DiskError) {
    let unfinished = Self.fileName + "." + id
    try disk.create(unfinished).write(Array(text.utf8).span, at: 0)
    do throws(DiskError) { try disk.rename(unfinished, to: Self.fileName) } catch {
      // A node that starts clears away what it finds.
      guard error.isMissing else { throw error }
    }
  }

  /// Removes what commands that were broken off left behind.
  static func removeAll(on disk: FileDisk) {
    guard let names = try? disk.names() else { return }
    for name in names where name.hasPrefix(fileName) || name.hasPrefix(answerPrefix) {
      try? disk.remove(name)
    }
  }
}

/// What the node answered: whether it did what was asked, and what it has to say.
struct KeyAnswer: Equatable {
  let isDone: Bool
  let message: String

  /// Leaves the answer, and then takes the request away, in this order.
  func leave(to request: KeyRequest, on disk: FileDisk) {
    let text = (isDone ? "+" : "-") + message
    try? AtomicFile.replace(disk, request.answerName, Array(text.utf8).span)
    if KeyRequest.waiting(on: disk) == request { try? disk.remove(KeyRequest.fileName) }
  }

  /// The answer to a request, which is removed; nil where there is none yet.
  static func take(of request: KeyRequest, on disk: FileDisk) throws(DiskError) -> KeyAnswer? {
    guard let bytes = try AtomicFile.read(disk, request.answerName), let mark = bytes.first else {
      return nil
    }
    try disk.remove(request.answerName)
    return KeyAnswer(
      isDone: mark == UInt8(ascii: "+"),
      message: String(decoding: bytes.dropFirst(), as: UTF8.self))
  }
}
