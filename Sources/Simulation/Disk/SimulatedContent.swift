import Bytes

/// The bytes of one simulated file: as they read now, as they are on the platter, and every state
/// in between that the kernel may have written back on its own.
struct SimulatedContent: Sendable {
  static let pageBytes = 4096
  static let sectorBytes = 512

  /// What reads return.
  private(set) var content: [UInt8] = []
  private var durable: [UInt8] = []
  /// Contents of pages since the last sync, oldest first.
  private var written: [PageVersion] = []
  /// Lengths since the last sync, oldest first.
  private var lengths: [Int] = []

  struct PageVersion: Sendable {
    let page: Int
    let bytes: [UInt8]
  }

  init() {}

  /// A file that is on the platter as it reads.
  init(durable bytes: [UInt8]) {
    content = bytes
    durable = bytes
  }

  var pages: Int { Self.pages(of: content.count) }

  static func pages(of bytes: Int) -> Int { (bytes + pageBytes - 1) / pageBytes }

  mutating func write(_ bytes: [UInt8], at offset: Int) {
    guard !bytes.isEmpty else { return }
    let end = offset + bytes.count
    if content.count < end {
      Self.setLength(end, of: &content)
      lengths.append(end)
    }
    Self.copy(bytes, into: &content, at: offset)
    for page in offset / Self.pageBytes...(end - 1) / Self.pageBytes {
      written.append(PageVersion(page: page, bytes: slice(of: page)))
    }
  }

  mutating func truncate(to size: Int) {
    Self.setLength(size, of: &content)
    lengths.append(size)
  }

  /// Writes what is dirty, and only that: what an earlier, failed sync forgot stays lost.
  mutating func sync() {
    let length = lengths.last ?? durable.count
    for version in written { Self.place(version.bytes, page: version.page, in: &durable) }
    Self.setLength(length, of: &durable)
    forget()
  }

  /// A failed sync: the pages count as clean, though they never reached the platter.
  mutating func forget() {
    written.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
  }

  mutating func rot(at offset: Int, with bytes: [UInt8]) {
    for (index, byte) in bytes.enumerated() where offset + index < content.count {
      content[offset + index] = byte
      if offset + index < durable.count { durable[offset + index] = byte }
    }
  }

  /// What a crash leaves: from nothing to all of what was not synced, as `luck` has it.
  func survivor(_ luck: SimulatedLuck, _ random: inout SeededRandom) -> SimulatedContent {
    switch luck {
    case .nothing: SimulatedContent(durable: durable)
    case .everything: SimulatedContent(durable: survivorOfEverything())
    case .some: SimulatedContent(durable: survivorOfSome(&random))
    }
  }

  private func survivorOfEverything() -> [UInt8] {
    var result = durable
    for version in written { Self.place(version.bytes, page: version.page, in: &result) }
    Self.setLength(lengths.last ?? durable.count, of: &result)
    return result
  }

  private func survivorOfSome(_ random: inout SeededRandom) -> [UInt8] {
    var result = durable
    var length = durable.count
    let last = written.last?.page
    for page in 0...(written.map { $0.page }.max() ?? 0) {
      let versions = written.filter { $0.page == page }
      let choice = Int(random.next(below: UInt64(versions.count) + 1))
      guard choice > 0 else { continue }
      var bytes = versions[choice - 1].bytes
      if random.next(below: 4) == 0 {
        tear(&bytes, page: page, within: page == last, over: result, &random)
      }
      Self.place(bytes, page: page, in: &result)
    }
    let choice = Int(random.next(below: UInt64(lengths.count) + 1))
    if choice > 0 { length = lengths[choice - 1] }
    Self.setLength(length, of: &result)
    return result
  }

  private static func setLength(_ length: Int, of bytes: inout [UInt8]) {
    if bytes.count > length {
      bytes.removeSubrange(length...)
    } else if bytes.count < length {
      var longer = [UInt8](repeating: 0, count: length)
      copy(bytes, into: &longer, at: 0)
      bytes = longer
    }
  }

  /// Leaves the old bytes behind a random sector, or behind any byte where `within` is set.
  private func tear(
    _ bytes: inout [UInt8], page: Int, within: Bool, over old: [UInt8],
    _ random: inout SeededRandom
  ) {
    var cut = Int(random.next(below: UInt64(bytes.count)))
    if !within || random.next(below: 2) == 0 { cut -= cut % Self.sectorBytes }
    let start = page * Self.pageBytes
    for index in cut..<bytes.count {
      bytes[index] = start + index < old.count ? old[start + index] : 0
    }
  }

  private static func place(_ bytes: [UInt8], page: Int, in result: inout [UInt8]) {
    let start = page * pageBytes
    if result.count < start + bytes.count { setLength(start + bytes.count, of: &result) }
    copy(bytes, into: &result, at: start)
  }

  /// The content of a page as it reads; the last one may be short.
  private func slice(of page: Int) -> [UInt8] {
    let start = page * Self.pageBytes
    let count = min(content.count - start, Self.pageBytes)
    return content.span.extracting(start..<start + count).copied()
  }

  /// Writes over bytes that are there. By hand, because tests run unoptimised and `replaceSubrange`
  /// then takes most of their time.
  private static func copy(_ bytes: [UInt8], into target: inout [UInt8], at offset: Int) {
    precondition(offset >= 0 && offset + bytes.count <= target.count, "writes over what is there")
    unsafe target.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { bytes in
        // In range, as was checked.
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: bytes)
      }
    }
  }
}

extension Span where Element == UInt8 {
  fileprivate func copied() -> [UInt8] { [UInt8](copying: self) }
}

/// How much of what was not synced a crash leaves behind.
enum SimulatedLuck: Sendable {
  case nothing, everything, some
}
