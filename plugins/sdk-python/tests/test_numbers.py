"""The stand-in's random numbers are the real host's."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from prony_plugin.testing.numbers import Random


class Numbers(unittest.TestCase):
    def test_a_seed_means_what_it_means_to_the_host(self):
        # The golden numbers of runtime/core/src/random.rs.
        numbers = Random(42, 1, 7)
        self.assertEqual([numbers.between(1, 1000) for _ in range(4)], [488, 244, 661, 494])

    def test_bounds_are_included_and_an_empty_range_is_its_low_end(self):
        numbers = Random(1, 0, 0)
        self.assertEqual({numbers.between(1, 3) for _ in range(100)}, {1, 2, 3})
        self.assertEqual(numbers.between(5, 2), 5)
        self.assertTrue(-(2**63) <= numbers.between(-(2**63), 2**63 - 1) < 2**63)

    def test_variates_have_their_means(self):
        numbers = Random(3, 0, 0)
        count = 20_000
        self.assertAlmostEqual(sum(numbers.exponential() for _ in range(count)) / count, 1, delta=0.03)
        self.assertAlmostEqual(sum(numbers.normal() for _ in range(count)) / count, 0, delta=0.03)


if __name__ == "__main__":
    unittest.main()
