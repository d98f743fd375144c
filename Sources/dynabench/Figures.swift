/// Numbers and texts as people and JSON readers expect them.
enum Figures {
  /// With exactly `places` decimals, rounded; `0` for what is no number.
  static func decimal(_ number: Double, places: Int) -> String {
    var power = 1
    for _ in 0..<places { power *= 10 }
    let scaled = (number * Double(power)).rounded()
    guard scaled.isFinite, abs(scaled) < 1e18 else { return "0" }
    let whole = Int(abs(scaled))
    let sign = scaled < 0 ? "-" : ""
    guard places > 0 else { return "\(sign)\(whole)" }
    let digits = "\(whole % power)"
    let zeros = String(repeating: "0", count: places - digits.count)
    return "\(sign)\(whole / power).\(zeros)\(digits)"
  }

  /// With a comma before each group of three digits.
  static func grouped(_ number: Int) -> String {
    var text = ""
    let digits = Array("\(number.magnitude)")
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return number < 0 ? "-" + text : text
  }

  /// A JSON string (RFC 8259 §7).
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
