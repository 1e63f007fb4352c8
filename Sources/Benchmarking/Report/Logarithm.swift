import Glibc

enum Logarithm {
  static func ten(_ value: Double) -> Double { log10(value) }
  static func power(_ exponent: Double) -> Double { pow(10, exponent) }
}
