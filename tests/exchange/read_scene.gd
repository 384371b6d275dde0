# Godot 3: writes what the importer made of res://person.glb to res://read.json.
extends SceneTree

func _init():
    var found = {"bones": [], "motions": {}, "size": []}
    look_at(load("res://person.glb").instance(), found)
    var file = File.new()
    file.open("res://read.json", File.WRITE)
    file.store_string(JSON.print(found))
    file.close()
    quit()

func look_at(node, found):
    if node is Skeleton:
        for bone in range(node.get_bone_count()):
            var place = node.get_bone_global_pose(bone).origin
            found["bones"].append([node.get_bone_name(bone), node.get_bone_parent(bone), [place.x, place.y, place.z]])
    if node is MeshInstance:
        var size = node.mesh.get_aabb().size
        found["size"] = [size.x, size.y, size.z]
    if node is AnimationPlayer:
        for name in node.get_animation_list():
            var motion = node.get_animation(name)
            var tracks = {}
            for track in range(motion.get_track_count()):
                var keys = []
                for key in range(motion.track_get_key_count(track)):
                    var value = motion.track_get_key_value(track, key)
                    if typeof(value) == TYPE_DICTIONARY:
                        var at = value.location
                        keys.append([motion.track_get_key_time(track, key), at.x, at.y, at.z])
                tracks[str(motion.track_get_path(track))] = keys
            found["motions"][name] = {"length": motion.length, "tracks": tracks}
    for child in node.get_children():
        look_at(child, found)
