-- What a hub has still to pack (docs/formats/store.md).

CREATE INDEX pieces_loose ON pieces (segment, start) WHERE packed = 0;
