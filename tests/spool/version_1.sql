BEGIN TRANSACTION;
CREATE TABLE clip (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        contact INTEGER NOT NULL REFERENCES contact (id),
        recorder INTEGER NOT NULL REFERENCES recorder (id),
        bay TEXT NOT NULL,
        storage TEXT NOT NULL,
        path TEXT NOT NULL,
        size INTEGER NOT NULL CHECK (size >= 0),
        recorded TEXT NOT NULL,
        marked INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('seen', 'spooled', 'offered', 'receipted', 'released', 'refused', 'damaged')),
        reason TEXT NOT NULL DEFAULT '',
        attempts INTEGER NOT NULL DEFAULT 0,
        due TEXT,
        seen_at TEXT NOT NULL,
        spooled_at TEXT,
        receipted_at TEXT,
        held_from REAL,
        fingerprint TEXT,
        blake3 TEXT,
        chunks TEXT,
        sha256 TEXT,
        sm3 TEXT,
        archive TEXT,
        receiver TEXT,
        epoch TEXT,
        stored_at TEXT,
        stored_as TEXT,
        envelope TEXT
    ) STRICT;
INSERT INTO "clip" VALUES(1,'c922fe97c35146fc9038c69e32f997dad358f4dff4934f4497f3fc207d435b98',2,1,'3','SD','DCIM/seen.MP4',40,'20260804T100000',0,0,'seen','',0,NULL,'2026-08-04T02:00:00.000Z',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "clip" VALUES(2,'3da3e56da56b91c76cc75a3c90b366c963bd6b06842418c7b22b2842ef8d4adc',3,1,'3','SD','DCIM/spooled.MP4',70,'20260804T100000',0,0,'spooled','',0,NULL,'2026-08-04T02:00:00.000Z','2026-08-04T02:00:00.000Z',NULL,NULL,'c6ee84444a5fbba6b67492fe38d9dfa91c630b40d4102e2175fde2737075fddb','7d1ddf9a6864c3ae58f177194741cd5abe288120a0c9824419ddc0168eb9922c','e1cf3d579b490e0aad36366c69a2a780e3623a7c4755da2ef0b3f07b57d94ed3','70337068c3e8336a1792ec409c65367003d841eda659902e71bfdec674f77300',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "clip" VALUES(3,'73976553da890be30845e2d66b88eb8f439b051459117b09dfd5b0050c2b49be',4,1,'3','SD','DCIM/offered.MP4',70,'20260804T100000',0,0,'offered','',0,NULL,'2026-08-04T02:00:05.000Z','2026-08-04T02:00:05.000Z',NULL,NULL,'b153a2a06b6c1440327e79850f0444251da6fc057a235b6627ecc55ccf165067','ed95e0494db90563d52f86b7016f3df3376aeee022442c9b36baa3d05094f039','00a4f439c2486595527b9246aba0677c7b4fed4ffe30d02a5afd58fb1e31a474','856d8c115dfa1ee30a7d2195b9d8c733f8ece28036bb655b41876c76eded179e',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "clip" VALUES(4,'6f83dd05da53e75bd6322e12f2b0420bc126c74acf49e8f5569d2f52185a4787',5,1,'3','SD','DCIM/receipted.MP4',90,'20260804T100000',0,0,'receipted','',0,NULL,'2026-08-04T02:00:10.000Z','2026-08-04T02:00:10.000Z','2026-08-04T02:00:10.000Z',10.0,'f7f71d8d809b97c7931dae3466446f1dba0b570a6debd087fee3da38ca804a52','1012b2741e1fea6169189d4a4d48e81e9b2db93881b2dddd959f5d9b2a5f883e','9f2b6c938742f855b52d1ef718009e308c3c5003562ece3e93b616c973a9da19','d2a61f21ba07040c357419c9db22aff9b8b670d32eaa452afc5b2210be786479',NULL,'archive-1','receiver-1','e1','2026-08-04T02:00:00.000Z','archive-1/S0001/a.mp4','{}');
INSERT INTO "clip" VALUES(5,'52488f1890904a7b77a05808265ffb920c3ca208312a29d507085d04d4cc5696',6,1,'3','SD','DCIM/released.MP4',80,'20260804T100000',0,0,'released','hold is over',0,NULL,'2026-08-04T02:00:15.000Z','2026-08-04T02:00:15.000Z','2026-08-04T02:00:15.000Z',15.0,'28c3363c9db8da4bde5c704818e0d854f45cc8480e5ae6b3aeca5364535d3b1d','f0278fa8b384027a3e40c9d2c9ba6a69c3f45cfe9c9ca3ebd52a94356f6d5205','8aba308ec9708468de9ea44b7d76e89138800faf83c39afecdc63ce59bf43620','72ba8e9b93c7a0984c2a0f5dda9603b9b34b082841cd947f1a68bed855674eb9',NULL,'archive-1','receiver-1','e1','2026-08-04T02:00:00.000Z','archive-1/S0001/a.mp4','{}');
INSERT INTO "clip" VALUES(6,'7bf1f770b23431a4ed0dcc8edca13e5c134d00a12225e70ee2fb9a9536fa5c11',7,1,'3','SD','DCIM/refused.MP4',70,'20260804T100000',0,0,'refused','never',0,'2026-08-04T03:00:00.000Z','2026-08-04T02:00:20.000Z','2026-08-04T02:00:20.000Z',NULL,NULL,'31fd5d4fd95b757249eb18e55636439e039778238ff180cab8a3c1268c00e47f','7d12a6b13b38315e6287c3a9ebd659cee0bc4f4a4bc7f6097d049b6c653720aa','3e74528321c325cf5b5b0a2f4e9447fe3d96b85a8d841bd50ebb813afd3efa88','97053e671f0b5205baaf8b0cfce65a929fb2e8872561f01cc4f832668d0cfcae',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "clip" VALUES(7,'58b973ed872db666881b81cc0dc3b1c5cd9ab83f60dc2d8fa1f2599b964da8cc',8,1,'3','SD','DCIM/damaged.MP4',70,'20260804T100000',0,0,'damaged','two bits',0,NULL,'2026-08-04T02:00:25.000Z','2026-08-04T02:00:25.000Z',NULL,NULL,'63a54beb3702f6a4b59e5768b056cc6a83e4ab85ecf6242555466c8f70f2b130','be70f507f1c270b214865363765bcfa8e153b6735a6bb65af8ca3c34d94d8e53','ab4a915663f23e8b0207f82b090e47b7d3d23b608138ce96b973d6a3b668667c','bd6661229408b017f25e7eb7490f7d638095b859cbc2ca932b14d968d58f0947',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE contact (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        recorder INTEGER NOT NULL REFERENCES recorder (id),
        bay TEXT NOT NULL,
        began_at TEXT NOT NULL,
        ended_at TEXT,
        reason TEXT NOT NULL DEFAULT '',
        health TEXT,
        clock_recorder TEXT,
        clock_dock TEXT,
        clock_round_trip REAL
    ) STRICT;
INSERT INTO "contact" VALUES(1,1,'3','2026-08-04T02:00:00.000Z',NULL,'','{"battery": 55, "storages": [["00010001", "SD", 100, 40]]}','2026-08-04T10:00:07','2026-08-04T02:00:00.000Z',0.25);
INSERT INTO "contact" VALUES(2,1,'3','2026-08-04T02:00:00.000Z',NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "contact" VALUES(3,1,'3','2026-08-04T02:00:00.000Z',NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "contact" VALUES(4,1,'3','2026-08-04T02:00:05.000Z',NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "contact" VALUES(5,1,'3','2026-08-04T02:00:10.000Z',NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "contact" VALUES(6,1,'3','2026-08-04T02:00:15.000Z',NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "contact" VALUES(7,1,'3','2026-08-04T02:00:20.000Z',NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "contact" VALUES(8,1,'3','2026-08-04T02:00:25.000Z',NULL,'',NULL,NULL,NULL,NULL);
INSERT INTO "contact" VALUES(9,2,'4','2026-08-04T02:00:30.000Z','2026-08-04T02:00:30.000Z','unplugged',NULL,NULL,NULL,NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value REAL NOT NULL) STRICT;
INSERT INTO "meta" VALUES('clean',1.0);
INSERT INTO "meta" VALUES('running',30.0);
CREATE TABLE recorder (
        id INTEGER PRIMARY KEY,
        serial TEXT NOT NULL,
        maker TEXT NOT NULL,
        model TEXT NOT NULL,
        firmware TEXT NOT NULL,
        UNIQUE (serial, maker, model, firmware)
    ) STRICT;
INSERT INTO "recorder" VALUES(1,'S0001','Maker','Model','1.0');
INSERT INTO "recorder" VALUES(2,'S0002','Other','X酒','2');
CREATE TABLE tally (
        state TEXT PRIMARY KEY, number INTEGER NOT NULL, bytes INTEGER NOT NULL
    ) STRICT;
INSERT INTO "tally" VALUES('seen',1,40);
INSERT INTO "tally" VALUES('spooled',1,70);
INSERT INTO "tally" VALUES('offered',1,70);
INSERT INTO "tally" VALUES('receipted',1,90);
INSERT INTO "tally" VALUES('released',1,80);
INSERT INTO "tally" VALUES('refused',1,70);
INSERT INTO "tally" VALUES('damaged',1,70);
CREATE INDEX contact_open ON contact (id) WHERE ended_at IS NULL;
CREATE INDEX clip_state ON clip (state);
CREATE INDEX clip_recorder ON clip (recorder);
CREATE INDEX clip_sending ON clip (seq, due) WHERE state IN ('spooled', 'offered', 'refused');
CREATE INDEX clip_due ON clip (due) WHERE state IN ('spooled', 'offered', 'refused') AND due IS NOT NULL;
CREATE INDEX clip_held ON clip (held_from) WHERE state = 'receipted';
CREATE TRIGGER clip_added AFTER INSERT ON clip BEGIN
        INSERT INTO tally VALUES (new.state, 1, new.size) ON CONFLICT DO UPDATE
            SET number = number + 1, bytes = bytes + excluded.bytes;
    END;
CREATE TRIGGER clip_moved AFTER UPDATE OF state ON clip WHEN old.state <> new.state BEGIN
        UPDATE tally SET number = number - 1, bytes = bytes - old.size WHERE state = old.state;
        INSERT INTO tally VALUES (new.state, 1, new.size) ON CONFLICT DO UPDATE
            SET number = number + 1, bytes = bytes + excluded.bytes;
    END;
CREATE VIEW entry AS
        SELECT clip.*, recorder.serial, recorder.maker, recorder.model, recorder.firmware
        FROM clip JOIN recorder ON recorder.id = clip.recorder;
CREATE VIEW docking AS
        SELECT contact.*, recorder.serial, recorder.maker, recorder.model, recorder.firmware
        FROM contact JOIN recorder ON recorder.id = contact.recorder;
PRAGMA user_version = 1;
COMMIT;
