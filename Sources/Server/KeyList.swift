// What `dynaswift keys list` shows: numbers, ages and uses, never a key.

import Bytes
import Durability
import Platform

enum KeyList {
  /// A line for each data key, the newest first, and one for the key-encryption key.
  static func text(_ keyring: Keyring, _ use: KeyUse, now milliseconds: UInt64) -> String {
    var lines: [String] = []
    for id in keyring.keyIDs.reversed() {
      let count = use[id]
      let role = id == keyring.currentKeyID ? "current" : "old    "
      let uses = [
        "\(count.segments) log segments", "\(count.blocks) blocks", "\(count.snapshots) snapshots",
      ]
      lines.append(
        "key \(id)  \(role)  \(age(keyring.made(id), milliseconds))  \(uses.joined(separator: ", "))"
      )
    }
    for count in use.counts where !keyring.keyIDs.contains(count.keyID) {
      lines.append("key \(count.keyID)  not in the keyring  \(count.snapshots) snapshots")
    }
    lines.append("wrapped by the key file with the mark \(mark(keyring.wrappingKeyID))")
    return lines.joined(separator: "\n")
  }

  /// How long ago that was, in the largest unit that fits.
  static func age(_ made: UInt64?, _ now: UInt64) -> String {
    guard let made else { return "made at an unknown time" }
    let seconds = now > made ? (now - made) / 1_000 : 0
    let (number, unit) =
      switch seconds {
      case ..<60: (seconds, "second")
      case ..<3_600: (seconds / 60, "minute")
      case ..<86_400: (seconds / 3_600, "hour")
      default: (seconds / 86_400, "day")
      }
    return "made \(number) \(unit)\(number == 1 ? "" : "s") ago"
  }

  static func mark(_ bytes: [UInt8]) -> String {
    var text = ByteBuffer()
    Hex.append(bytes.span, to: &text)
    return String(decoding: text.copied(), as: UTF8.self)
  }
}
