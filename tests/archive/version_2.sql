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
   "kind" TEXT,
   "profile" TEXT,
   "recorder_id_code" TEXT,
   "recorder_officer" TEXT,
   "recorder_unit" TEXT,
   "named_device" TEXT,
   "named_officer" TEXT,
   "named_marked" INTEGER,
   "local_time" TEXT,
   "zone_offset" REAL,
   "clock_error" REAL,
   "earliest" TEXT,
   "latest" TEXT,
   PRIMARY KEY ("clip", "blake3", "dock")
);
INSERT INTO "clip" VALUES('c537c089900bb03ad896c78b159d5dc79a4364f3d8c21456d92c9acf2d1c5797','d33fb48ab5adff269ae172b29a6913ff04f6f266207a7a8e976f2ecd571d4492','d1','S-1','Acme','A1','1','3','DCIM/../../etc/passwd',3,'20261123T080000',0,'2026-11-23T08:00:00.000Z','2026-11-23T08:00:01.000Z','r1','offer','receipt','footage','family-a','AB123','000002',NULL,'CAM001','000001',1,'2026-08-04T10:00:00',28800.0,-3.5,'2026-08-04T02:00:01.000Z','2026-08-04T02:00:06.000Z');
INSERT INTO "clip" VALUES('c537c089900bb03ad896c78b159d5dc79a4364f3d8c21456d92c9acf2d1c5797','d33fb48ab5adff269ae172b29a6913ff04f6f266207a7a8e976f2ecd571d4492','d2','S-1','Acme','A1','1','3','DCIM/../../etc/passwd',3,'20261123T080000',0,'2026-11-23T08:00:00.000Z','2026-11-23T08:00:01.000Z','r1','offer','receipt','footage','family-a','AB123','000002',NULL,'CAM001','000001',1,'2026-08-04T10:00:00',28800.0,-3.5,'2026-08-04T02:00:01.000Z','2026-08-04T02:00:06.000Z');
INSERT INTO "clip" VALUES('2daf61830989e9b9bfc1ab96775b772a002fb0dfae8d95b61f45945eb760064d','dc770fff53f50835f8cc957e01c0d5731d3c2ed544c375493a28c09be5e09763','d1','S-1','Acme','A1','1.0','3','DCIM/../../etc/passwd',3,'20261123T080000',0,'2026-11-23T08:00:00.000Z','2026-11-23T08:00:01.000Z','r1','offer','receipt',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "meta" VALUES('schema','2');
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
CREATE INDEX "idx_clip_recorder_officer"
    ON "clip" ("recorder_officer");
CREATE INDEX "idx_clip_named_officer"
    ON "clip" ("named_officer");
CREATE INDEX "idx_clip_earliest"
    ON "clip" ("earliest");
CREATE VIEW "footage" AS select c.path, c.recorder_serial, c.recorded, c.marked, c.dock, c.received_at, o.size, o.stored_as, o.blake3, o.sha256, o.sm3, c.clip, c.kind, c.recorder_officer, c.named_officer, c.local_time, c.clock_error, c.earliest, c.latest from clip c join object o on o.blake3 = c.blake3;
COMMIT;
