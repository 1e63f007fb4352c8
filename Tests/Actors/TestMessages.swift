import IPCJSON

/// An argument of many parts.
package struct Person: JSONMessage, Hashable, Sendable {
  package var name: String
  package var age: Int
  package var friends: [String]

  package init(name: String, age: Int, friends: [String]) {
    self.name = name
    self.age = age
    self.friends = friends
  }
}

/// An error that travels as what it is.
package struct CarriedFailure: Error, JSONMessage, Hashable, Sendable {
  package var code: Int
  package var words: String

  package init(code: Int, words: String) {
    self.code = code
    self.words = words
  }
}

/// An error that neither process carries.
package struct OwnFailure: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// An error that only the hosting process carries.
package struct HalfCarriedFailure: Error, JSONMessage, Hashable, Sendable {
  package var code: Int

  package init(code: Int) { self.code = code }
}
