create table shard_1 (id int default 7, v text default 'd', n numeric(8,2) default 1.5, a int[], primary key (id)); create table shard_2 (like shard_1 including all);
create table other (id int primary key, goes text default 'z', b bytea); alter table other replica identity full;
insert into shard_1 values (1, 'r', 2.5, '{1,2}'), (2, null, null, null); insert into shard_2 values (1, null); insert into other values (1, 'east', 'x'), (2, null, null), (3, ' ', null);
