"""Which functions are LEAKPROOF in a new PostgreSQL?

Read from a new cluster of PostgreSQL 18; each release only added to those before it. PostgreSQL runs them on rows that a
policy hides, so a flag beyond this list and ours (`accounts.tenancy.proof.server`) is a hole.
"""

from typing import Final

_TEXT: Final = """
"interval"(time without time zone); "numeric"(bigint); "numeric"(double precision); "numeric"(integer);
"numeric"(real); "numeric"(smallint); "varchar"(name); bitcmp(bit,bit); biteq(bit,bit); bitge(bit,bit);
bitgt(bit,bit); bitle(bit,bit); bitlt(bit,bit); bitne(bit,bit); bool(integer); booleq(boolean,boolean);
boolge(boolean,boolean); boolgt(boolean,boolean); boolle(boolean,boolean); boollt(boolean,boolean);
boolne(boolean,boolean); bpchar_larger(character,character); bpchar_pattern_ge(character,character);
bpchar_pattern_gt(character,character); bpchar_pattern_le(character,character);
bpchar_pattern_lt(character,character); bpchar_smaller(character,character); bpcharcmp(character,character);
bpchareq(character,character); bpcharge(character,character); bpchargt(character,character);
bpcharle(character,character); bpcharlt(character,character); bpcharne(character,character);
btboolcmp(boolean,boolean); btbpchar_pattern_cmp(character,character); btcharcmp("char","char");
btfloat48cmp(real,double precision); btfloat4cmp(real,real); btfloat84cmp(double precision,real);
btfloat8cmp(double precision,double precision); btint24cmp(smallint,integer); btint28cmp(smallint,bigint);
btint2cmp(smallint,smallint); btint42cmp(integer,smallint); btint48cmp(integer,bigint);
btint4cmp(integer,integer); btint82cmp(bigint,smallint); btint84cmp(bigint,integer); btint8cmp(bigint,bigint);
btnamecmp(name,name); btnametextcmp(name,text); btoidcmp(oid,oid); btoidvectorcmp(oidvector,oidvector);
bttext_pattern_cmp(text,text); bttextcmp(text,text); bttextnamecmp(text,name); bttidcmp(tid,tid); bytea(bigint);
bytea(integer); bytea(smallint); bytea_larger(bytea,bytea); bytea_smaller(bytea,bytea); byteacmp(bytea,bytea);
byteaeq(bytea,bytea); byteage(bytea,bytea); byteagt(bytea,bytea); byteale(bytea,bytea); bytealt(bytea,bytea);
byteane(bytea,bytea); cash_cmp(money,money); cash_eq(money,money); cash_ge(money,money); cash_gt(money,money);
cash_le(money,money); cash_lt(money,money); cash_ne(money,money); chareq("char","char"); charge("char","char");
chargt("char","char"); charle("char","char"); charlt("char","char"); charne("char","char"); cideq(cid,cid);
circle_eq(circle,circle); circle_ge(circle,circle); circle_gt(circle,circle); circle_le(circle,circle);
circle_lt(circle,circle); circle_ne(circle,circle); crc32(bytea); crc32c(bytea); date_cmp(date,date);
date_eq(date,date); date_ge(date,date); date_gt(date,date); date_le(date,date); date_lt(date,date);
date_ne(date,date); float4(bigint); float4(integer); float4(smallint); float48eq(real,double precision);
float48ge(real,double precision); float48gt(real,double precision); float48le(real,double precision);
float48lt(real,double precision); float48ne(real,double precision); float4eq(real,real); float4ge(real,real);
float4gt(real,real); float4le(real,real); float4lt(real,real); float4ne(real,real); float8(bigint);
float8(integer); float8(real); float8(smallint); float84eq(double precision,real);
float84ge(double precision,real); float84gt(double precision,real); float84le(double precision,real);
float84lt(double precision,real); float84ne(double precision,real); float8eq(double precision,double precision);
float8ge(double precision,double precision); float8gt(double precision,double precision);
float8le(double precision,double precision); float8lt(double precision,double precision);
float8ne(double precision,double precision); int24eq(smallint,integer); int24ge(smallint,integer);
int24gt(smallint,integer); int24le(smallint,integer); int24lt(smallint,integer); int24ne(smallint,integer);
int28eq(smallint,bigint); int28ge(smallint,bigint); int28gt(smallint,bigint); int28le(smallint,bigint);
int28lt(smallint,bigint); int28ne(smallint,bigint); int2eq(smallint,smallint); int2ge(smallint,smallint);
int2gt(smallint,smallint); int2le(smallint,smallint); int2lt(smallint,smallint); int2ne(smallint,smallint);
int4(boolean); int4(smallint); int42eq(integer,smallint); int42ge(integer,smallint); int42gt(integer,smallint);
int42le(integer,smallint); int42lt(integer,smallint); int42ne(integer,smallint); int48eq(integer,bigint);
int48ge(integer,bigint); int48gt(integer,bigint); int48le(integer,bigint); int48lt(integer,bigint);
int48ne(integer,bigint); int4eq(integer,integer); int4ge(integer,integer); int4gt(integer,integer);
int4le(integer,integer); int4lt(integer,integer); int4ne(integer,integer); int8(integer); int8(oid);
int8(smallint); int82eq(bigint,smallint); int82ge(bigint,smallint); int82gt(bigint,smallint);
int82le(bigint,smallint); int82lt(bigint,smallint); int82ne(bigint,smallint); int84eq(bigint,integer);
int84ge(bigint,integer); int84gt(bigint,integer); int84le(bigint,integer); int84lt(bigint,integer);
int84ne(bigint,integer); int8eq(bigint,bigint); int8ge(bigint,bigint); int8gt(bigint,bigint);
int8le(bigint,bigint); int8lt(bigint,bigint); int8ne(bigint,bigint); interval_cmp(interval,interval);
interval_eq(interval,interval); interval_ge(interval,interval); interval_gt(interval,interval);
interval_le(interval,interval); interval_lt(interval,interval); interval_ne(interval,interval);
lseg_eq(lseg,lseg); lseg_ge(lseg,lseg); lseg_gt(lseg,lseg); lseg_le(lseg,lseg); lseg_lt(lseg,lseg);
lseg_ne(lseg,lseg); macaddr8(macaddr); macaddr8_cmp(macaddr8,macaddr8); macaddr8_eq(macaddr8,macaddr8);
macaddr8_ge(macaddr8,macaddr8); macaddr8_gt(macaddr8,macaddr8); macaddr8_le(macaddr8,macaddr8);
macaddr8_lt(macaddr8,macaddr8); macaddr8_ne(macaddr8,macaddr8); macaddr_cmp(macaddr,macaddr);
macaddr_eq(macaddr,macaddr); macaddr_ge(macaddr,macaddr); macaddr_gt(macaddr,macaddr);
macaddr_le(macaddr,macaddr); macaddr_lt(macaddr,macaddr); macaddr_ne(macaddr,macaddr); md5(bytea); md5(text);
name(character varying); name(character); name(text); nameeq(name,name); nameeqtext(name,text);
namege(name,name); namegetext(name,text); namegt(name,name); namegttext(name,text); namele(name,name);
nameletext(name,text); namelt(name,name); namelttext(name,text); namene(name,name); namenetext(name,text);
network_cmp(inet,inet); network_eq(inet,inet); network_ge(inet,inet); network_gt(inet,inet);
network_le(inet,inet); network_lt(inet,inet); network_ne(inet,inet); oideq(oid,oid); oidge(oid,oid);
oidgt(oid,oid); oidle(oid,oid); oidlt(oid,oid); oidne(oid,oid); oidvectoreq(oidvector,oidvector);
oidvectorge(oidvector,oidvector); oidvectorgt(oidvector,oidvector); oidvectorle(oidvector,oidvector);
oidvectorlt(oidvector,oidvector); oidvectorne(oidvector,oidvector); pg_lsn_cmp(pg_lsn,pg_lsn);
pg_lsn_eq(pg_lsn,pg_lsn); pg_lsn_ge(pg_lsn,pg_lsn); pg_lsn_gt(pg_lsn,pg_lsn); pg_lsn_le(pg_lsn,pg_lsn);
pg_lsn_lt(pg_lsn,pg_lsn); pg_lsn_ne(pg_lsn,pg_lsn); sha224(bytea); sha256(bytea); sha384(bytea); sha512(bytea);
starts_with(text,text); text(name); text_ge(text,text); text_gt(text,text); text_larger(text,text);
text_le(text,text); text_lt(text,text); text_pattern_ge(text,text); text_pattern_gt(text,text);
text_pattern_le(text,text); text_pattern_lt(text,text); text_smaller(text,text); texteq(text,text);
texteqname(text,name); textgename(text,name); textgtname(text,name); textlename(text,name);
textltname(text,name); textne(text,text); textnename(text,name); tideq(tid,tid); tidge(tid,tid); tidgt(tid,tid);
tidle(tid,tid); tidlt(tid,tid); tidne(tid,tid); time_cmp(time without time zone,time without time zone);
time_eq(time without time zone,time without time zone); time_ge(time without time zone,time without time zone);
time_gt(time without time zone,time without time zone); time_le(time without time zone,time without time zone);
time_lt(time without time zone,time without time zone); time_ne(time without time zone,time without time zone);
timestamp_cmp(timestamp without time zone,timestamp without time zone);
timestamp_eq(timestamp without time zone,timestamp without time zone);
timestamp_ge(timestamp without time zone,timestamp without time zone);
timestamp_gt(timestamp without time zone,timestamp without time zone);
timestamp_le(timestamp without time zone,timestamp without time zone);
timestamp_lt(timestamp without time zone,timestamp without time zone);
timestamp_ne(timestamp without time zone,timestamp without time zone);
timestamptz_cmp(timestamp with time zone,timestamp with time zone);
timestamptz_eq(timestamp with time zone,timestamp with time zone);
timestamptz_ge(timestamp with time zone,timestamp with time zone);
timestamptz_gt(timestamp with time zone,timestamp with time zone);
timestamptz_le(timestamp with time zone,timestamp with time zone);
timestamptz_lt(timestamp with time zone,timestamp with time zone);
timestamptz_ne(timestamp with time zone,timestamp with time zone);
timetz_cmp(time with time zone,time with time zone); timetz_eq(time with time zone,time with time zone);
timetz_ge(time with time zone,time with time zone); timetz_gt(time with time zone,time with time zone);
timetz_le(time with time zone,time with time zone); timetz_lt(time with time zone,time with time zone);
timetz_ne(time with time zone,time with time zone); uuid_cmp(uuid,uuid); uuid_eq(uuid,uuid);
uuid_extract_timestamp(uuid); uuid_extract_version(uuid); uuid_ge(uuid,uuid); uuid_gt(uuid,uuid);
uuid_le(uuid,uuid); uuid_lt(uuid,uuid); uuid_ne(uuid,uuid); varbitcmp(bit varying,bit varying);
varbiteq(bit varying,bit varying); varbitge(bit varying,bit varying); varbitgt(bit varying,bit varying);
varbitle(bit varying,bit varying); varbitlt(bit varying,bit varying); varbitne(bit varying,bit varying);
xid8cmp(xid8,xid8); xid8eq(xid8,xid8); xid8ge(xid8,xid8); xid8gt(xid8,xid8); xid8le(xid8,xid8);
xid8lt(xid8,xid8); xid8ne(xid8,xid8); xideq(xid,xid); xideqint4(xid,integer); xidneq(xid,xid);
xidneqint4(xid,integer)
"""

BUILT_IN: Final = frozenset(" ".join(_TEXT.split()).split("; "))
