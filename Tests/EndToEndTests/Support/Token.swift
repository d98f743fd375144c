import Foundation

/// Makes access tokens, right ones and wrong ones, without the product's code.
enum Token {
  /// A token as the node itself would give: HS256, `sub`, `exp` in an hour.
  static func user(_ name: String, secret: String = Node.jwtSecret) -> String {
    let expiry = Int(Date().timeIntervalSince1970) + 3600
    return make(claims: "{\"sub\":\"\(name)\",\"exp\":\(expiry)}", secret: secret)
  }

  /// Signs exactly these texts as header and claims.
  static func make(
    header: String = #"{"alg":"HS256","typ":"JWT"}"#, claims: String,
    secret: String = Node.jwtSecret
  ) -> String {
    make(header: Array(header.utf8), claims: Array(claims.utf8), secret: secret)
  }

  static func make(header: [UInt8], claims: [UInt8], secret: String) -> String {
    sign("\(base64URL(header)).\(base64URL(claims))", secret: secret)
  }

  /// Appends the signature to a text that is taken as it is.
  static func sign(_ signed: String, secret: String) -> String {
    let signature = SHA256.authenticate(Array(signed.utf8), key: Array(secret.utf8))
    return "\(signed).\(base64URL(signature))"
  }

  static func base64URL(_ bytes: [UInt8]) -> String {
    Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
      .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
  }

  /// The bytes of one part of a token.
  static func decode(_ part: some StringProtocol) throws -> [UInt8] {
    var text = part.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
    while text.count % 4 != 0 { text += "=" }
    guard let data = Data(base64Encoded: text) else { throw Trouble("no base64url: \(part)") }
    return [UInt8](data)
  }
}
