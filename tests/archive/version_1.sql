BEGIN TRANSACTION;
CREATE TABLE "clip" (
   "clip" TEXT,
   "blake3" TEXT REFERENCES "object"("blake3"),
   "dock" TEXT,
   "recorder_serial" TEXT,
   "recorder_maker" TEXT,
   "recorder_model" TEXT,
   "recorder_firmware" TEXT,
   "bay" TEXT,
   "path" TEXT,
   "size" INTEGER,
   "recorded" TEXT,
   "marked" INTEGER,
   "spooled_at" TEXT,
   "received_at" TEXT,
   "receiver" TEXT,
   "manifest" TEXT,
   "receipt" TEXT,
   PRIMARY KEY ("clip", "blake3", "dock")
);
INSERT INTO "clip" VALUES('abababababababababababababababababababababababababababababababab','d33fb48ab5adff269ae172b29a6913ff04f6f266207a7a8e976f2ecd571d4492','d1','S-1','Acme','A1','1.0','3','DCIM/../../etc/passwd',3,'20261123T080000',0,'2026-11-23T08:00:00.000Z','2026-11-23T08:00:01.000Z','r1','offer','receipt');
INSERT INTO "clip" VALUES('abababababababababababababababababababababababababababababababab','dc770fff53f50835f8cc957e01c0d5731d3c2ed544c375493a28c09be5e09763','d1','S-1','Acme','A1','1.0','3','DCIM/../../etc/passwd',3,'20261123T080000',0,'2026-11-23T08:00:00.000Z','2026-11-23T08:00:01.000Z','r1','offer','receipt');
INSERT INTO "clip" VALUES('abababababababababababababababababababababababababababababababab','d33fb48ab5adff269ae172b29a6913ff04f6f266207a7a8e976f2ecd571d4492','d2','S-1','Acme','A1','1.0','3','DCIM/../../etc/passwd',3,'20261123T080000',0,'2026-11-23T08:00:00.000Z','2026-11-23T08:00:01.000Z','r1','offer','receipt');
CREATE TABLE "dock" (
   "dock" TEXT PRIMARY KEY,
   "public_key" TEXT,
   "first_seen" TEXT
);
INSERT INTO "dock" VALUES('d1','ed25519:abababababababababababababababababababababababababababababababab','2026-11-23T08:00:00.000Z');
CREATE TABLE "meta" (
   "name" TEXT PRIMARY KEY,
   "value" TEXT
);
INSERT INTO "meta" VALUES('schema','1');
INSERT INTO "meta" VALUES('archive','county');
INSERT INTO "meta" VALUES('epoch','first');
CREATE TABLE "object" (
   "blake3" TEXT PRIMARY KEY,
   "size" INTEGER,
   "sha256" TEXT,
   "sm3" TEXT,
   "stored_as" TEXT,
   "stored_at" TEXT
);
INSERT INTO "object" VALUES('d33fb48ab5adff269ae172b29a6913ff04f6f266207a7a8e976f2ecd571d4492',3,'7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed','135dd9cdf4af9f962224e88f354dad8de54799747f9d348b31450df821a5473d','objects/d33fb48ab5adff269ae172b29a6913ff04f6f266207a7a8e976f2ecd571d4492','2026-11-23T08:00:01.000Z');
INSERT INTO "object" VALUES('dc770fff53f50835f8cc957e01c0d5731d3c2ed544c375493a28c09be5e09763',3,'3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3','e8f7aa3d778dc64ee40f926808a34c3c617d5dc64ebdab3991143b87176076f0','objects/dc770fff53f50835f8cc957e01c0d5731d3c2ed544c375493a28c09be5e09763','2026-11-23T08:00:01.000Z');
CREATE INDEX "idx_clip_dock"
    ON "clip" ("dock");
CREATE INDEX "idx_clip_recorder_serial"
    ON "clip" ("recorder_serial");
CREATE VIEW "footage" AS select c.path, c.recorder_serial, c.recorded, c.marked, c.dock, c.received_at, o.size, o.stored_as, o.blake3, o.sha256, o.sm3, c.clip from clip c join object o on o.blake3 = c.blake3;
COMMIT;
