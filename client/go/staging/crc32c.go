package staging

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crc32c(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// concatCRC32C returns the CRC32C of two pieces, one behind the other, of which
// the second has size bytes.
//
// A CRC is a polynomial over GF(2), and bytes behind it multiply it by x to the
// 8 for each; what is before and behind the polynomial itself cancels out.
func concatCRC32C(first, second uint32, size int64) uint32 {
	product := first
	for i := 3; size > 0; i, size = i+1, size>>1 { // x^8 is x^(2^3)
		if size&1 == 1 {
			product = multiplyCRC(product, crcPowers[i%len(crcPowers)])
		}
	}
	return product ^ second
}

// crcPowers[i] is x to the 2^i. The order of x is a factor of 2^31-1, so that
// its powers come again from 2^31 on.
var crcPowers = func() (powers [31]uint32) {
	powers[0] = 1 << 30 // x; the highest bit is x^0
	for i := 1; i < len(powers); i++ {
		powers[i] = multiplyCRC(powers[i-1], powers[i-1])
	}
	return powers
}()

// multiplyCRC multiplies modulo the polynomial, with the bits reversed as in a
// CRC.
func multiplyCRC(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		if a>>31 == 1 {
			product ^= b
		}
		if b&1 == 1 {
			b = b>>1 ^ crc32.Castagnoli
		} else {
			b >>= 1
		}
	}
	return product
}
