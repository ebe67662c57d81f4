-- What a sum of doubles has lost in its rounding, so that sums can be added up in any order.
ALTER TABLE metrics ADD COLUMN rest BLOB;
