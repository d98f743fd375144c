/// A call on a disk that failed: which one, on what name, with which `errno`.
public struct DiskError: Error, Equatable, CustomStringConvertible {
  public let call: StaticString
  public let name: String
  /// The kernel's error number, for example 5 (EIO) or 28 (ENOSPC).
  public let code: Int32

  public init(call: StaticString, name: String, code: Int32) {
    self.call = call
    self.name = name
    self.code = code
  }

  /// Linux error numbers, which this floor cannot import.
  public static let noEntry: Int32 = 2
  public static let inputOutput: Int32 = 5
  public static let exists: Int32 = 17
  public static let tooManyFilesOfSystem: Int32 = 23
  public static let tooManyFiles: Int32 = 24
  public static let noSpace: Int32 = 28
  public static let quotaExceeded: Int32 = 122

  /// Whether the process or the machine has no descriptors left (EMFILE, ENFILE), which passes.
  public var isOutOfDescriptors: Bool {
    code == Self.tooManyFiles || code == Self.tooManyFilesOfSystem
  }

  /// ENOSPC or EDQUOT: there may be room again later.
  public var isOutOfSpace: Bool { code == Self.noSpace || code == Self.quotaExceeded }

  public var isMissing: Bool { code == Self.noEntry }

  public var description: String { "\(call) \(name): error \(code)" }

  public static func == (left: DiskError, right: DiskError) -> Bool {
    left.code == right.code && left.name == right.name
      && left.call.description == right.call.description
  }
}
