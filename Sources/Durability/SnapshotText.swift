import Bytes
import JSON
import Store

/// What a snapshot holds, or was found to hold.
public struct SnapshotSummary: Equatable, Sendable {
  public var records: UInt64 = 0
  /// Bytes of the values alone.
  public var valueBytes: UInt64 = 0

  public init(records: UInt64 = 0, valueBytes: UInt64 = 0) {
    self.records = records
    self.valueBytes = valueBytes
  }
}

/// The plain document of a snapshot as it is written: a head, a line for each record, the counts.
struct SnapshotText: ~Copyable {
  static let format = 1
  /// What every document of this format begins with.
  static let beginning: StaticString = #"{"format":1,"kind":"dynaswift snapshot","#
  /// What ends the head's line.
  static let recordsBegin: StaticString = #""records":["#

  /// What has been written and not been taken away yet.
  var bytes = ByteBuffer()
  private(set) var summary = SnapshotSummary()

  init(identity: NodeIdentity, milliseconds: UInt64) {
    bytes.append(Self.beginning)
    bytes.append(#""time":"# as StaticString)
    bytes.append(decimal: milliseconds)
    bytes.append(#","cluster":""# as StaticString)
    Hex.append(identity.cluster, digits: 16, to: &bytes)
    bytes.append(#"","node":""# as StaticString)
    Hex.append(identity.node, digits: 16, to: &bytes)
    bytes.append(#"","boot":"# as StaticString)
    bytes.append(decimal: UInt64(identity.boot))
    bytes.append(
      #","consistency":"each shard at one moment, shards one after the other","#
        as StaticString)
    bytes.append(Self.recordsBegin)
  }

  mutating func append(
    table: Span<UInt8>, key: Span<UInt8>, value: Span<UInt8>, version: UInt64,
    owner: Span<UInt8>, stamp: Stamp
  ) {
    bytes.append((summary.records == 0 ? "\n" : ",\n") as StaticString)
    bytes.append(#"{"table":"# as StaticString)
    JSONWriter.appendString(table, to: &bytes)
    bytes.append(#","key":"# as StaticString)
    JSONWriter.appendString(key, to: &bytes)
    bytes.append(#","value":"# as StaticString)
    bytes.append(value)
    bytes.append(#","version":"# as StaticString)
    bytes.append(decimal: version)
    bytes.append(#","timestamp":"# as StaticString)
    bytes.append(decimal: stamp.milliseconds)
    bytes.append(#","owner":"# as StaticString)
    JSONWriter.appendString(owner, to: &bytes)
    bytes.append(#","stamp":""# as StaticString)
    stamp.append(to: &bytes)
    bytes.append(#""}"# as StaticString)
    summary.records += 1
    summary.valueBytes += UInt64(value.count)
  }

  mutating func end() {
    bytes.append("\n],\"count\":{\"records\":" as StaticString)
    bytes.append(decimal: summary.records)
    bytes.append(#","valueBytes":"# as StaticString)
    bytes.append(decimal: summary.valueBytes)
    bytes.append("}}\n" as StaticString)
  }
}

extension Stamp {
  /// Hybrid time and node in 16 hexadecimal digits each, boot and sequence in decimal ones.
  func append(to text: inout ByteBuffer) {
    Hex.append(hybridTime, digits: 16, to: &text)
    text.append("-" as StaticString)
    Hex.append(node, digits: 16, to: &text)
    text.append("-" as StaticString)
    text.append(decimal: UInt64(boot))
    text.append("-" as StaticString)
    text.append(decimal: sequence)
  }

  init?(text: [UInt8]) {
    var parts: [UInt64] = []
    var start = 0
    for index in 0...text.count where index == text.count || text[index] == UInt8(ascii: "-") {
      let radix: UInt64 = parts.count < 2 ? 16 : 10
      guard let part = Self.number(text, start..<index, radix: radix) else { return nil }
      parts.append(part)
      start = index + 1
    }
    guard parts.count == 4, let boot = UInt32(exactly: parts[2]) else { return nil }
    self.init(hybridTime: parts[0], node: parts[1], boot: boot, sequence: parts[3])
  }

  private static func number(_ text: [UInt8], _ range: Range<Int>, radix: UInt64) -> UInt64? {
    guard !range.isEmpty else { return nil }
    var number: UInt64 = 0
    for index in range {
      let digit: UInt8
      switch text[index] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = text[index] - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f") where radix == 16:
        digit = text[index] - UInt8(ascii: "a") + 10
      default: return nil
      }
      let (product, overflow) = number.multipliedReportingOverflow(by: radix)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
      guard !overflow, !carry else { return nil }
      number = sum
    }
    return number
  }
}
