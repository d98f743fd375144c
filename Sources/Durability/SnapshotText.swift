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
    bytes.append(#","consistency":"each shard at one moment, shards one after the other","#
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
    let parts = String(decoding: text, as: UTF8.self).split(
      separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 4, let hybridTime = UInt64(parts[0], radix: 16),
      let node = UInt64(parts[1], radix: 16), let boot = UInt32(parts[2]),
      let sequence = UInt64(parts[3])
    else { return nil }
    self.init(hybridTime: hybridTime, node: node, boot: boot, sequence: sequence)
  }
}
